"""The deep unconstrained features model compared with its theory: one job per part."""

from agop_dnc.studies.unconstrained_features import study as unconstrained_features

DUFM_JOBS = unconstrained_features.jobs(SETTINGS)


# Return the arrays of a part's dataset, or nothing if the part needs none.
dufm_data = lambda wildcards: files_of(
    [DUFM_JOBS[wildcards.part][key] for key in ["dataset"] if key in DUFM_JOBS[wildcards.part]]
)


rule study_unconstrained_features:
    input:
        dufm_data,
    output:
        curves=f"{RESULTS}/dufm/{{part}}_curves.csv",
        predictions=f"{RESULTS}/dufm/{{part}}.csv",
    log:
        f"{RESULTS}/logs/study_unconstrained_features/{{part}}.log",
    wildcard_constraints:
        part="|".join(DUFM_JOBS) or "none",
    group:
        together("theory")
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(),
    params:
        settings=lambda wildcards: DUFM_JOBS[wildcards.part],
        threads=SETTINGS.threads,
        columns=columns_of("dufm_curves", "predictions"),
        code=code_of("study_unconstrained_features.py"),
    script:
        "../scripts/study_unconstrained_features.py"
