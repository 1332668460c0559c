"""Run the jobs of configurations on a machine that has no Snakemake, one after another, and leave their tables.

Every configuration stands alone, as with `--configfile`. Its Deep RFMs and networks are run by the same scripts as the workflow's, so that
the tables in results/<run>/tables are the same; figures, claims and the other studies are the workflow's. What is there is not made again,
and a training that was stopped goes on from its last snapshot: start the same command again (after a change of settings, in another folder).
It needs Python, PyTorch, torchvision and a few plain packages: jsonschema, numpy, pandas, psutil, PyYAML, safetensors, scikit-learn, scipy,
threadpoolctl, tqdm.
"""

import argparse
import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
sys.path[:0] = [str(SOURCE), str(HERE / "scripts")]

from agop_dnc.errors import UserError  # noqa: E402
from agop_dnc.pipeline import config as configuration  # noqa: E402
from agop_dnc.pipeline import costs, tables  # noqa: E402
from agop_dnc.pipeline import settings as jobs  # noqa: E402

# Tables of one network's measurement, and those of all networks together.
MEASURED = ("networks", "nfa", "training")
KINDS = (*MEASURED, "ablation")


@dataclass
class Job:
    """One run of a script of workflow/scripts: what Snakemake would hand to it."""

    rule: str
    name: str
    input: dict[str, Any]
    output: dict[str, Any]
    params: dict[str, Any] = field(default_factory=dict)
    wildcards: dict[str, str] = field(default_factory=dict)
    script: str = ""
    temporary: str = ""  # what goes once all is taken from it


class Named(dict[str, Any]):
    """Values by name, by number and as attributes, which goes through values that are lists, as Snakemake's are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error

    def __getitem__(self, key: str | int) -> Any:
        return list(self)[key] if isinstance(key, int) else super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        for value in self.values():
            yield from value if isinstance(value, list) else [value]


def plan(config: dict[str, Any]) -> list[Job]:
    """The jobs of a configuration, each after those that it needs, in the order of the tables' rows."""
    results = f"results/{config['run']}"
    planned = [_data(config, results, dataset) for dataset in config["datasets"]]
    for dataset in jobs.studied(config, "deep_rfm"):
        for activation in config["deep_rfm"]["activations"]:
            planned += [_deep_rfm(config, results, dataset, activation, seed) for seed in config["seeds"]]
    for architecture in jobs.architectures(config):
        for dataset in jobs.studied(config, architecture):
            for seed in config["seeds"]:
                planned += _network(config, results, dataset, architecture, seed)
    return [*planned, *_joined(results, planned)]


def _data(config: dict[str, Any], results: str, dataset: str) -> Job:
    settings = config["datasets"][dataset]
    own = {"path": settings["path"]} if "path" in settings else {}
    output = {"arrays": _arrays(results, dataset), "facts": f"{results}/data/{dataset}.json"}
    where = config["data"] if settings["source"] == "torchvision" else {}
    params = {"settings": jobs.data_settings(config, dataset), "where": where}
    return Job("prepare_data", dataset, own, output, params, {"dataset": dataset})


def _deep_rfm(config: dict[str, Any], results: str, dataset: str, activation: str, seed: int) -> Job:
    folder, first = f"{results}/deep_rfm/{dataset}/{activation}", seed == config["seeds"][0]
    output = {"table": f"{folder}/seed_{seed}.csv"} | ({"gram": f"{folder}/gram_{seed}.npz"} if first else {})
    params = _shared(config, dataset) | {
        "settings": jobs.deep_rfm_settings(config, activation, dataset),
        "gram_layers": config["deep_rfm"]["gram_layers"] if first else [],
    }
    wildcards = {"dataset": dataset, "activation": activation, "seed": str(seed)}
    data = {"data": _arrays(results, dataset)}
    return Job("fit_deep_rfm", f"{dataset}_{activation}_{seed}", data, output, params, wildcards)


def _network(config: dict[str, Any], results: str, dataset: str, architecture: str, seed: int) -> list[Job]:
    """Training, measurement and ablation, after which the snapshots go."""
    name, folder = f"{dataset}_{architecture}_{seed}", f"{results}/networks/{dataset}/{architecture}/seed_{seed}"
    wildcards = {"dataset": dataset, "architecture": architecture, "seed": str(seed)}
    data, snapshots = {"data": _arrays(results, dataset)}, {"snapshots": f"{folder}/snapshots"}
    network = jobs.network_settings(config, jobs.NETWORK_KEYS, architecture, dataset)
    params = _shared(config, dataset) | {"network": network, "tf32": config["networks"]["tf32"]}
    schedule = jobs.network_settings(config, jobs.TRAINING_KEYS, architecture, dataset)
    training = params | {"training": schedule, "state": f"{results}/state/{name}"}
    ablation = params | {"ranks": list(jobs.RANKS)}
    temporary = "" if config["networks"]["keep_snapshots"] else snapshots["snapshots"]

    def tables_of(*kinds: str) -> dict[str, str]:
        return {kind: f"{folder}/{kind}.csv" for kind in kinds}

    trained, measured, ablated = tables_of("losses"), tables_of(*MEASURED), tables_of("ablation", "truncation")
    return [
        Job("train_network", name, data, snapshots | trained, training, wildcards),
        Job("measure_network", name, data | snapshots, measured, params, wildcards),
        Job("ablate_network", name, data | snapshots, ablated, ablation, wildcards, temporary=temporary),
    ]


def _arrays(results: str, dataset: str) -> str:
    return f"{results}/data/{dataset}.npz"


def _shared(config: dict[str, Any], dataset: str) -> dict[str, Any]:
    """What every job of a model is given."""
    labels = config["datasets"][dataset]["labels"]
    return {"device": config["device"], "threads": config["threads"], "code": _library(), "labels": labels}


def _joined(results: str, planned: list[Job]) -> list[Job]:
    made = {
        kind: [job.output[kind] for job in planned if kind in job.output]
        for kind in ("table", "truncation", "losses", *KINDS)
    }
    joined = []
    if made["table"]:
        table = {"table": f"{results}/tables/deep_rfm.csv"}
        joined.append(Job("join_deep_rfm_tables", "", {"tables": made["table"]}, table, script="join_tables"))
    if made["networks"]:
        made["networks"] += made["truncation"]
        made["training"] += made["losses"]
        output = {kind: f"{results}/tables/{kind}.csv" for kind in (*KINDS, "nfa_summary")}
        output["nfa_markdown"] = f"{results}/tables/nfa_summary.md"
        joined.append(Job("join_network_tables", "", {kind: made[kind] for kind in KINDS}, output))
    return joined


@cache
def _library() -> str:
    """A hash of the library, as what a training goes on from must be of the same code."""
    content = b"".join(path.read_bytes() for path in sorted((SOURCE / "agop_dnc").rglob("*.py")))
    return hashlib.sha256(content).hexdigest()[:16]


def run(config: dict[str, Any]) -> int:
    """Run a configuration's jobs in the current folder; the number that failed, whose dependants are left out."""
    results, failed, missing = Path("results", config["run"]), 0, set()
    for job in plan(config):
        wanted = set(Named(job.output))
        needed = set(Named(job.input))
        if needed & missing:
            missing |= wanted
        elif not _is_done(job):
            print(f"{job.rule} {job.name}".rstrip(), flush=True)
            if _started(job, config, results):
                failed, missing = failed + 1, missing | wanted
        if job.temporary and _measured(Path(job.temporary).parent):
            shutil.rmtree(job.temporary, ignore_errors=True)
    tables.write(costs.collect(results / "benchmarks"), costs.COLUMNS, results / "tables" / "cost.csv")
    return failed


def _is_done(job: Job) -> bool:
    """Whether all that a job makes is there; snapshots need not be once they are measured."""
    paths = [Path(path) for path in Named(job.output)]
    if job.rule == "train_network" and _measured(Path(job.output["losses"]).parent):
        paths = [path for path in paths if path.suffix]
    return all(path.exists() for path in paths)


def _measured(folder: Path) -> bool:
    """Whether all is there that is taken from a network's snapshots."""
    return all((folder / f"{kind}.csv").exists() for kind in (*KINDS, "truncation"))


def _started(job: Job, config: dict[str, Any], results: Path) -> int:
    """Run a job in a process of its own, with its log and its benchmark file; its exit code."""
    log, benchmark = (results.joinpath(kind, job.rule, job.name or job.rule) for kind in ("logs", "benchmarks"))
    for folder in {log.parent, benchmark.parent, *(Path(path).parent for path in Named(job.output))}:
        folder.mkdir(parents=True, exist_ok=True)
    handed = asdict(job) | {"log": f"{log}.log", "config": config}
    start, before = time.perf_counter(), os.times()
    command = [sys.executable, __file__, "--job"]
    code = subprocess.run(command, input=json.dumps(handed), text=True).returncode
    took, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    Path(f"{benchmark}.tsv").write_text(f"s\tcpu_time\n{took:.4f}\t{used:.2f}\n", encoding="utf-8")
    return code


def run_one(handed: dict[str, Any]) -> None:
    """In a job's process: run its script as Snakemake does."""
    from types import SimpleNamespace

    named = {kind: Named(handed[kind]) for kind in ("input", "output", "params", "wildcards")}
    snakemake = SimpleNamespace(rule=handed["rule"], log=[handed["log"]], config=handed["config"], **named)
    script = HERE / "scripts" / f"{handed['script'] or handed['rule']}.py"
    runpy.run_path(str(script), {"snakemake": snakemake})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configurations", nargs="*", help="YAML files, each a run of its own")
    parser.add_argument("--directory", default=".", help="where results are left")
    parser.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.job:
        run_one(json.load(sys.stdin))
        return 0
    if not chosen.configurations:
        parser.error("name at least one configuration, as in: without_snakemake.py config/paper.yaml")
    try:
        schema = HERE / "schemas" / "config.schema.yaml"
        configs = [configuration.load([file], schema) for file in chosen.configurations]
    except UserError as error:
        sys.exit(f"Error: {error}")
    Path(chosen.directory).mkdir(parents=True, exist_ok=True)
    os.chdir(chosen.directory)
    failed = sum([run(config) for config in configs])
    if failed:
        print(f"{failed} jobs failed; what is wrong with each is said above, and in its log", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
