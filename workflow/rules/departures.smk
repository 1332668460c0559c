"""Differences between the released code and the paper: one job per dataset and group of departures."""

from agop_dnc.studies.departures import study as departures

# Return the forecast of one group of departures, which runs on the CPU.
departure_forecast = lambda wildcards: departures.forecast(
    SETTINGS, wildcards.dataset, size_of(wildcards.dataset), CPU_RATE
)


rule measure_departure:
    input:
        data=DATA,
        deep_rfm=lambda wildcards: f"{RESULTS}/tables/deep_rfm.csv" if wildcards.group == "definitions" else [],
    output:
        f"{RESULTS}/departures/{{dataset}}/{{group}}.csv",
    log:
        f"{RESULTS}/logs/measure_departure/{{dataset}}_{{group}}.log",
    group:
        together("theory", departure_forecast)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(departure_forecast),
    params:
        settings=lambda wildcards: departures.job_settings(SETTINGS, wildcards.group, wildcards.dataset),
        seed=SETTINGS.seeds[0],
        threads=SETTINGS.threads,
        columns=columns_of("departures"),
        code=code_of("measure_departure.py"),
    script:
        "../scripts/measure_departure.py"
