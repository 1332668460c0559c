"""The configuration, names of files, and helpers of the other rules."""

import fcntl
import json
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.8")

REPOSITORY = Path(workflow.basedir)
LIBRARY = REPOSITORY / "src" / "agop_dnc"
ENVIRONMENT = str(REPOSITORY / "envs" / "environment.yaml")
sys.path.insert(0, str(LIBRARY.parent))

from agop_dnc.pipeline import config as configuration
from agop_dnc.pipeline import code, instructions
from agop_dnc.pipeline import settings as jobs
from agop_dnc.errors import UserError


def stop(message):
    """End with one sentence: a WorkflowError would add where in the Snakefile it was raised."""
    sys.exit(f"Error: {message}")


# Snakemake merges several files and the default one key by key; here a named mapping or a list replaces another whole.
try:
    config = configuration.load(
        workflow.overwrite_configfiles or [REPOSITORY / "config.yaml"],
        REPOSITORY / "workflow" / "schemas" / "config.schema.yaml",
        workflow.config_settings.config,
    )
    instructions.limit(config["instructions"])
except UserError as error:
    stop(error)

RESULTS = f"results/{config['run']}"
FIGURES = f"figures/{config['run']}"
SEEDS = config["seeds"]
# What `rule all` asks for; each stage adds its own.
TABLES = []


wildcard_constraints:
    dataset="|".join(config["datasets"]),
    activation="|".join(config["deep_rfm"]["activations"]),
    architecture="|".join(config["networks"]["architectures"]),
    seed=r"\d+",
    figure=r"figure_\w+|claims|departures",
    model="|".join([*config["deep_rfm"]["activations"], "rfm"]),


def hold_the_folder():
    """Let one run at a time work in this folder, and clear what a killed one left locked.

    The lock is the operating system's and ends with the process. Whoever holds it knows that no other run is alive, so
    that a lock of Snakemake's own is a killed run's; whoever does not leaves the refusal to Snakemake.
    """
    Path(".snakemake").mkdir(exist_ok=True)
    hold = open(".snakemake/agop_dnc.lock", "w")
    try:
        fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return hold
    for lock in Path(".snakemake/locks").glob("*.lock"):
        lock.unlink(missing_ok=True)
    return hold


if workflow.is_main_process:
    folder_lock = hold_the_folder()


def code_of(script):
    """Return a hash of the code that a script runs; the processor's instructions count as code."""
    used = "" if config["instructions"] == "native" else f" {config['instructions']}"
    return code.code_of(REPOSITORY / "workflow" / "scripts" / script, LIBRARY.parent) + used


def labels_of(wildcards):
    """Whether a dataset has its own labels or random ones."""
    return config["datasets"][wildcards.dataset]["labels"]


def main_only(datasets):
    """Those of role main, or all where none is."""
    return [name for name in datasets if config["datasets"][name]["role"] == "main"] or datasets


def sorted_mapping(mapping):
    """Keys in order, as a params value that only changed its order would re-run its jobs."""
    return dict(sorted(mapping.items()))


def sorted_throughout(value):
    """The same for mappings within mappings."""
    if isinstance(value, list):
        return [sorted_throughout(item) for item in value]
    if isinstance(value, dict):
        return {key: sorted_throughout(value[key]) for key in sorted(value)}
    return value


def user_file(wildcards):
    """The npz of a user's own, which is read again when it changes."""
    return config["datasets"][wildcards.dataset].get("path", [])


def deep_rfm_tables(activations):
    """The tables of all jobs with these activations."""
    return expand(
        f"{RESULTS}/deep_rfm/{{dataset}}/{{activation}}/seed_{{seed}}.csv",
        dataset=DEEP_RFM_DATASETS,
        activation=activations,
        seed=SEEDS,
    )


def with_activation(activation, dataset):
    """A Deep RFM's settings for a job that is not named after its activation."""
    return sorted_mapping(jobs.deep_rfm_settings(config, activation, dataset) | {"activation": activation})


ACTIVATIONS = list(config["deep_rfm"]["activations"])
DEEP_RFM_DATASETS = jobs.studied(config, "deep_rfm")
NETWORKS = config["networks"]
ARCHITECTURES = jobs.architectures(config)


def network_settings(*keys):
    """A function of wildcards: these settings of a network on its dataset."""

    return lambda wildcards: jobs.network_settings(config, keys, wildcards.architecture, wildcards.dataset)


def network_tables(kind, architectures=ARCHITECTURES, datasets=None):
    """The tables of one kind of all jobs with these architectures and datasets (all on which they are run, if not given)."""
    return [
        f"{RESULTS}/networks/{dataset}/{architecture}/seed_{seed}/{kind}.csv"
        for architecture in architectures
        for dataset in jobs.studied(config, architecture)
        if datasets is None or dataset in datasets
        for seed in SEEDS
    ]


# Groups of departures of a Deep RFM, with the activation that each is measured with.
DEPARTURE_ACTIVATIONS = {"solver": "relu", "cosines": "cos"}
DEPARTURE_DATASETS = config["departures"]["datasets"]


def departure_groups(dataset):
    """What can be measured on a dataset: each Deep RFM group needs its activation, each network its architecture."""
    groups = ["definitions"]
    groups += [group for group, activation in DEPARTURE_ACTIVATIONS.items() if activation in ACTIVATIONS]
    groups += [
        architecture
        for architecture in ("mlp", "resnet18")
        if architecture in ARCHITECTURES and dataset in jobs.studied(config, architecture)
    ]
    return groups


def departure_settings(wildcards):
    """The settings of what a group varies: of its Deep RFM, or of its network."""
    group, dataset = wildcards.group, wildcards.dataset
    if group in DEPARTURE_ACTIVATIONS:
        return with_activation(DEPARTURE_ACTIVATIONS[group], dataset)
    if group in ARCHITECTURES:
        return {
            "network": jobs.network_settings(config, jobs.NETWORK_KEYS, group, dataset),
            "training": jobs.network_settings(config, jobs.TRAINING_KEYS, group, dataset),
        }
    return {}


# The theory's studies.
ITERATION = config["collapse_iteration"]
ITERATED = ITERATION["datasets"] if ITERATION["enabled"] else []
THEORY = f"{RESULTS}/theory"
LEARNING = config["kernel_learning"]
LEARNED = LEARNING["datasets"] if LEARNING["enabled"] else []
TRACED = [name for name in config["datasets"] if name in ITERATED + LEARNED]


def trace_settings(model, dataset):
    """A Deep RFM's settings; an RFM has the kernel of the first activation's."""
    return with_activation(ACTIVATIONS[0] if model == "rfm" else model, dataset)


DUFM = config["unconstrained_features"]


def dufm_parts():
    """What each job computes, by its name."""
    shared = {key: DUFM[key] for key in ("width", "learning_rate", "steps")} | {"seeds": list(range(DUFM["starts"]))}
    descent = shared | {key: DUFM[key] for key in ("per_class", "penalty", "start_scales")}
    parts = {f"d1_L{layers}": descent | {"layers": layers, "classes": 2} for layers in DUFM["layers"]}
    sweep = DUFM["threshold"]
    parts |= {
        f"d2_L{layers}": {key: sweep[key] for key in ("decades", "points", "width", "per_class")}
        | {"layers": layers, "classes": 2, "seeds": list(range(sweep["starts"]))}
        for layers in sweep["layers"]
    }
    network = shared | DUFM["network"] | {"penalty": DUFM["penalty"]}
    parts |= {
        f"d3_{dataset}_{seed}": network | {"dataset": dataset, "seeds": [seed]}
        for dataset in DUFM["datasets"]
        for seed in SEEDS
    }
    parts |= {
        f"d4_K{case['classes']}_L{case['layers']}_{i}": shared
        | dict(case)
        | {"per_class": 5, "seeds": list(range(DUFM["rank_starts"]))}
        for i, case in enumerate(DUFM["ranks"])
    }
    return {name: sorted_mapping(settings) for name, settings in parts.items()}


DUFM_PARTS = dufm_parts() if DUFM["enabled"] else {}


def dufm_data(wildcards):
    """The dataset of a job that needs one."""
    dataset = DUFM_PARTS[wildcards.part].get("dataset")
    return f"{RESULTS}/data/{dataset}.npz" if dataset else []
