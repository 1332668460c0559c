"""Spurious features, simplicity bias and lottery tickets: a job per dataset and seed fits all models."""

from agop_dnc.studies.phenomena import study as phenomena

# Return the forecast of all models of one dataset and seed.
phenomena_forecast = lambda wildcards: phenomena.forecast(SETTINGS, wildcards.dataset, size_of(wildcards.dataset), RATE)

# Return the dataset whose images stand next to those of another one, if there is one.
hard_data = lambda wildcards: files_of([name for name in [phenomena.hard(SETTINGS, wildcards.dataset)] if name])


rule fit_phenomena:
    input:
        data=DATA,
        hard=hard_data,
    output:
        **{name: f"{RESULTS}/phenomena/{{dataset}}/{name}_{{seed}}.csv" for name in phenomena.TABLES},
        images=f"{RESULTS}/phenomena/{{dataset}}/images_{{seed}}.npz",
    log:
        f"{RESULTS}/logs/fit_phenomena/{{dataset}}_{{seed}}.log",
    group:
        together("theory", phenomena_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(phenomena_forecast, gpu=True),
    params:
        settings=phenomena.job_settings(SETTINGS) if SETTINGS.has("phenomena") else {},
        paired=lambda wildcards: wildcards.dataset in phenomena.paired(SETTINGS),
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of(*phenomena.TABLES),
        code=code_of("fit_phenomena.py"),
    script:
        "../scripts/fit_phenomena.py"
