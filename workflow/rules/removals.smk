"""Removals: Deep RFM with M½ replaced, or without its features; a job per dataset, activation and seed."""

from agop_dnc.studies.removals import study as removals

# Return the forecast of all variants of one Deep RFM.
removals_forecast = lambda wildcards: removals.forecast(
    SETTINGS, wildcards.activation, wildcards.dataset, size_of(wildcards.dataset), RATE
)


rule remove:
    input:
        data=DATA,
    output:
        f"{RESULTS}/removals/{{dataset}}/{{activation}}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/remove/{{dataset}}_{{activation}}_{{seed}}.log",
    wildcard_constraints:
        activation="relu|cos",
    group:
        together("theory", removals_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(removals_forecast, gpu=True),
    params:
        settings=lambda wildcards: deep_rfm.job_settings(SETTINGS, wildcards.activation, wildcards.dataset),
        variants=list(removals.VARIANTS),
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("removals"),
        code=code_of("remove.py"),
    script:
        "../scripts/remove.py"
