"""Tabular data: RFM against other classifiers."""

from agop_dnc.studies.tabular import study as tabular

TABULAR = tabular.section(SETTINGS) if SETTINGS.has("tabular") else None

# Return the forecast of one set.
tabular_forecast = lambda wildcards: tabular.forecast(SETTINGS, wildcards.set, CPU_RATE)


rule compare_classifiers:
    output:
        f"{RESULTS}/tabular/{{set}}.csv",
    log:
        f"{RESULTS}/logs/compare_classifiers/{{set}}.log",
    wildcard_constraints:
        set=r"[^/]+",
    group:
        together("tabular", tabular_forecast)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(tabular_forecast),
    params:
        folder=TABULAR and TABULAR.folder,
        settings=tabular.job_settings(SETTINGS) if TABULAR else {},
        seed=SETTINGS.seeds[0],
        threads=SETTINGS.threads,
        columns=columns_of("tabular"),
        code=code_of("compare_classifiers.py"),
    script:
        "../scripts/compare_classifiers.py"
