"""The deep unconstrained features model beside its theory: a job for each part of each study."""


rule study_unconstrained_features:
    input:
        dufm_data,
    output:
        curves=f"{RESULTS}/dufm/{{part}}_curves.csv",
        table=f"{RESULTS}/dufm/{{part}}.csv",
    log:
        f"{RESULTS}/logs/study_unconstrained_features/{{part}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/study_unconstrained_features/{{part}}.tsv"
    wildcard_constraints:
        part="|".join(DUFM_PARTS) or "none",
    group:
        together("theory")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("light"),
    params:
        settings=lambda wildcards: DUFM_PARTS[wildcards.part],
        threads=config["threads"],
        code=code_of("study_unconstrained_features.py"),
    script:
        "../scripts/study_unconstrained_features.py"


rule join_dufm:
    input:
        expand(f"{RESULTS}/dufm/{{part}}.csv", part=DUFM_PARTS),
    output:
        report(f"{RESULTS}/tables/dufm.csv", caption="../report/table.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/join_dufm.log",
    benchmark:
        f"{RESULTS}/benchmarks/join_dufm.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        code=code_of("join_tables.py"),
    script:
        "../scripts/join_tables.py"


use rule join_dufm as join_dufm_curves with:
    input:
        expand(f"{RESULTS}/dufm/{{part}}_curves.csv", part=DUFM_PARTS),
    output:
        report(f"{RESULTS}/tables/dufm_curves.csv", caption="../report/table.rst", category="Tables"),
    log:
        f"{RESULTS}/logs/join_dufm_curves.log",
    benchmark:
        f"{RESULTS}/benchmarks/join_dufm_curves.tsv"


if DUFM_PARTS:
    TABLES += [f"{RESULTS}/tables/dufm.csv", f"{RESULTS}/tables/dufm_curves.csv"]
