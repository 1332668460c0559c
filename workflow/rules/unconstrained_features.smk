"""The deep unconstrained features model beside its theory: a job for each part of each study."""

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


rule study_unconstrained_features:
    input:
        dufm_data,
    output:
        curves=f"{RESULTS}/dufm/{{part}}_curves.csv",
        table=f"{RESULTS}/dufm/{{part}}.csv",
    log:
        f"{RESULTS}/logs/study_unconstrained_features/{{part}}.log",
    wildcard_constraints:
        part="|".join(DUFM_PARTS) or "none",
    conda:
        ENVIRONMENT
    threads: config["threads"]
    params:
        settings=lambda wildcards: DUFM_PARTS[wildcards.part],
        threads=config["threads"],
        library=library_hash("dufm_runs", "data", "tables"),
    script:
        "../scripts/study_unconstrained_features.py"


rule join_dufm:
    input:
        expand(f"{RESULTS}/dufm/{{part}}.csv", part=DUFM_PARTS),
    output:
        report(f"{RESULTS}/tables/dufm.csv", caption="../report/table.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/join_dufm.log",
    conda:
        ENVIRONMENT
    params:
        library=library_hash("tables"),
    script:
        "../scripts/join_tables.py"


use rule join_dufm as join_dufm_curves with:
    input:
        expand(f"{RESULTS}/dufm/{{part}}_curves.csv", part=DUFM_PARTS),
    output:
        report(f"{RESULTS}/tables/dufm_curves.csv", caption="../report/table.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/join_dufm_curves.log",


if DUFM_PARTS:
    TABLES += [f"{RESULTS}/tables/dufm.csv", f"{RESULTS}/tables/dufm_curves.csv"]
