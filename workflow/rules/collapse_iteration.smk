"""Theorem 5.3: Deep RFM collapses exponentially."""

from agop_dnc.studies.collapse_iteration import study as collapse_iteration

ITERATED = collapse_iteration.datasets(SETTINGS) if SETTINGS.has("collapse_iteration") else []


rule iterate_collapse:
    input:
        files_of(ITERATED),
    output:
        curves=f"{RESULTS}/collapse_iteration/curves.csv",
        predictions=f"{RESULTS}/collapse_iteration/predictions.csv",
    log:
        f"{RESULTS}/logs/iterate_collapse.log",
    group:
        together("theory")
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(),
    params:
        datasets=ITERATED,
        settings=collapse_iteration.job_settings(SETTINGS) if SETTINGS.has("collapse_iteration") else {},
        seed=SETTINGS.seeds[0],
        threads=SETTINGS.threads,
        columns=columns_of("collapse_iteration", "predictions"),
        code=code_of("iterate_collapse.py"),
    script:
        "../scripts/iterate_collapse.py"
