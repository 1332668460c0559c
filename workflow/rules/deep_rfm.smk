"""Deep Recursive Feature Machines: one job per dataset, activation and seed."""

from agop_dnc.studies.deep_rfm import study as deep_rfm

DEEP_RFM = f"{RESULTS}/deep_rfm/{{dataset}}/{{activation}}"


# Return the forecast of one Deep RFM.
deep_rfm_forecast = lambda wildcards: deep_rfm.forecast(
    SETTINGS, wildcards.activation, wildcards.dataset, size_of(wildcards.dataset), RATE
)


rule fit_deep_rfm:
    input:
        data=DATA,
    output:
        table=f"{DEEP_RFM}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/fit_deep_rfm/{{dataset}}_{{activation}}_{{seed}}.log",
    wildcard_constraints:
        activation="relu|cos",
    group:
        together("deep_rfm", deep_rfm_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(deep_rfm_forecast, gpu=True),
    params:
        settings=lambda wildcards: deep_rfm.job_settings(SETTINGS, wildcards.activation, wildcards.dataset),
        labels=labels_of,
        gram_layers=[],
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("deep_rfm"),
        code=code_of("fit_deep_rfm.py"),
    script:
        "../scripts/fit_deep_rfm.py"


# Gram matrices are shown for the first seed only, so its jobs write them as well.
use rule fit_deep_rfm as fit_deep_rfm_and_gram with:
    output:
        table=f"{DEEP_RFM}/seed_{{seed}}.csv",
        gram=f"{DEEP_RFM}/gram_{{seed}}.npz",
    wildcard_constraints:
        activation="relu|cos",
        seed=str(deep_rfm.seeds(SETTINGS)[0]) if SETTINGS.has("deep_rfm") else "none",
    params:
        settings=lambda wildcards: deep_rfm.job_settings(SETTINGS, wildcards.activation, wildcards.dataset),
        labels=labels_of,
        gram_layers=deep_rfm.gram_layers(SETTINGS) if SETTINGS.has("deep_rfm") else [],
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("deep_rfm"),
        code=code_of("fit_deep_rfm.py"),


ruleorder: fit_deep_rfm_and_gram > fit_deep_rfm
