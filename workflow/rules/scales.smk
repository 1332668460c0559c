"""The MLP against the scale of its initialisation: a job per dataset, scale and seed trains to a given loss, and measures."""

from agop_dnc.studies.scales import study as scales

# Return the forecast of one network.
scales_forecast = lambda wildcards: scales.forecast(SETTINGS, size_of(wildcards.dataset), RATE)


rule train_to_loss:
    input:
        data=DATA,
    output:
        f"{RESULTS}/scales/{{dataset}}/scale_{{scale}}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/train_to_loss/{{dataset}}_{{scale}}_{{seed}}.log",
    wildcard_constraints:
        scale=r"[0-9.e+-]+",
    group:
        together("scales", scales_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(scales_forecast, gpu=True),
    params:
        settings=lambda wildcards: scales.job_settings(SETTINGS),
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("scales"),
        code=code_of("train_to_loss.py"),
    script:
        "../scripts/train_to_loss.py"
