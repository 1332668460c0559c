"""Collapse at test points: a job per dataset, model and seed. A Deep RFM is fitted once more, a network's last snapshot is read."""

from agop_dnc.studies.generalisation import study as generalisation

GENERALISATION = f"{RESULTS}/generalisation/{{dataset}}"


rule follow_deep_rfm:
    input:
        data=DATA,
    output:
        f"{GENERALISATION}/{{activation}}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/follow_deep_rfm/{{dataset}}_{{activation}}_{{seed}}.log",
    wildcard_constraints:
        activation="relu|cos",
    group:
        together("generalisation", deep_rfm_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(deep_rfm_forecast, gpu=True),
    params:
        settings=lambda wildcards: deep_rfm.job_settings(SETTINGS, wildcards.activation, wildcards.dataset),
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("generalisation"),
        code=code_of("follow_deep_rfm.py"),
    script:
        "../scripts/follow_deep_rfm.py"


rule follow_network:
    input:
        data=DATA,
        weights=f"{NETWORK}/last.safetensors",
    output:
        f"{GENERALISATION}/{{architecture}}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/follow_network/{NETWORK_LOG}",
    wildcard_constraints:
        architecture="|".join(networks.TITLES),
    group:
        together("generalisation", measuring_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(measuring_forecast, gpu=True),
    params:
        network=lambda wildcards: networks.network_settings(SETTINGS, wildcards.architecture, wildcards.dataset),
        device=SETTINGS.device,
        tf32=SETTINGS.networks.tf32,
        threads=SETTINGS.threads,
        columns=columns_of("generalisation"),
        code=code_of("follow_network.py"),
    script:
        "../scripts/follow_network.py"
