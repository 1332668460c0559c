"""Deep RFM's floors against the number of random features: a job per dataset, activation and width."""

from agop_dnc.studies.widths import study as widths

# Return the forecast of all seeds of one width.
widths_forecast = lambda wildcards: widths.forecast(SETTINGS, int(wildcards.width), size_of(wildcards.dataset), RATE)


rule sweep_width:
    input:
        data=DATA,
    output:
        f"{RESULTS}/widths/{{dataset}}/{{activation}}/width_{{width}}.csv",
    log:
        f"{RESULTS}/logs/sweep_width/{{dataset}}_{{activation}}_{{width}}.log",
    wildcard_constraints:
        activation="relu|cos",
        width=r"\d+",
    group:
        together("widths", widths_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(widths_forecast, gpu=True),
    params:
        settings=lambda wildcards: widths.job_settings(
            SETTINGS, wildcards.activation, wildcards.dataset, int(wildcards.width)
        ),
        seeds=lambda wildcards: widths.section(SETTINGS).seeds,
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("widths"),
        code=code_of("sweep_width.py"),
    script:
        "../scripts/sweep_width.py"
