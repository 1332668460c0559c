"""Collapse under other training: a job per dataset and seed trains an MLP in every way, and measures each before and after."""

from agop_dnc.studies.other_training import study as other_training

# Return the forecast of one network per way of training.
other_training_forecast = lambda wildcards: other_training.forecast(SETTINGS, size_of(wildcards.dataset), RATE)


rule train_otherwise:
    input:
        data=DATA,
    output:
        f"{RESULTS}/other_training/{{dataset}}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/train_otherwise/{{dataset}}_{{seed}}.log",
    group:
        together("other_training", other_training_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(other_training_forecast, gpu=True),
    params:
        settings=lambda wildcards: other_training.job_settings(SETTINGS),
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("other_training"),
        code=code_of("train_otherwise.py"),
    script:
        "../scripts/train_otherwise.py"
