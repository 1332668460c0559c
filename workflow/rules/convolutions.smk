"""The ansatz in convolutions: a job per network reads its last snapshot, and measures it and the untrained network."""

from agop_dnc.studies.convolutions import study as convolutions

# Return the forecast of measuring one network twice.
convolutions_forecast = lambda wildcards: convolutions.forecast(
    SETTINGS, wildcards.architecture, size_of(wildcards.dataset), RATE
)


rule measure_convolutions:
    input:
        data=DATA,
        weights=f"{NETWORK}/last.safetensors",
    output:
        f"{RESULTS}/convolutions/{{dataset}}/{{architecture}}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/measure_convolutions/{NETWORK_LOG}",
    wildcard_constraints:
        architecture="|".join(convolutions.CONVNETS),
    group:
        together("convolutions", convolutions_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(convolutions_forecast, gpu=True),
    params:
        settings=convolutions.job_settings(SETTINGS),
        network=lambda wildcards: networks.network_settings(SETTINGS, wildcards.architecture, wildcards.dataset),
        device=SETTINGS.device,
        tf32=SETTINGS.networks.tf32,
        threads=SETTINGS.threads,
        columns=columns_of("convolutions"),
        code=code_of("measure_convolutions.py"),
    script:
        "../scripts/measure_convolutions.py"
