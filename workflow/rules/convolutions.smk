"""The ansatz in convolutions: a job per dataset and architecture measures the networks of all seeds, untrained and trained."""

from agop_dnc.studies.convolutions import study as convolutions

# Return the forecast of measuring the networks of all seeds.
convolutions_forecast = lambda wildcards: convolutions.forecast(
    SETTINGS, wildcards.architecture, size_of(wildcards.dataset), RATE
)


rule measure_convolutions:
    input:
        data=DATA,
        weights=lambda wildcards: [
            f"{RESULTS}/networks/{wildcards.dataset}/{wildcards.architecture}/seed_{seed}/last.safetensors"
            for seed in networks.seeds(SETTINGS, wildcards.architecture)
        ],
    output:
        f"{RESULTS}/convolutions/{{dataset}}/{{architecture}}.csv",
    log:
        f"{RESULTS}/logs/measure_convolutions/{{dataset}}_{{architecture}}.log",
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
        seeds=lambda wildcards: networks.seeds(SETTINGS, wildcards.architecture),
        network=lambda wildcards: networks.network_settings(SETTINGS, wildcards.architecture, wildcards.dataset),
        device=SETTINGS.device,
        tf32=SETTINGS.networks.tf32,
        threads=SETTINGS.threads,
        columns=columns_of("convolutions"),
        code=code_of("measure_convolutions.py"),
    script:
        "../scripts/measure_convolutions.py"
