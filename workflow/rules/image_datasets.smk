"""The CNTK and ConvRFM on datasets of images: a job per dataset and seed."""

from agop_dnc.studies.image_datasets import study as image_datasets

# Return the forecast of one dataset with one seed.
image_datasets_forecast = lambda wildcards: image_datasets.forecast(SETTINGS, size_of(wildcards.dataset)[1], CPU_RATE)


rule fit_conv_rfm:
    input:
        data=DATA,
    output:
        f"{RESULTS}/image_datasets/{{dataset}}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/fit_conv_rfm/{{dataset}}_{{seed}}.log",
    group:
        together("image_datasets", image_datasets_forecast)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(image_datasets_forecast),
    params:
        settings=image_datasets.job_settings(SETTINGS),
        threads=SETTINGS.threads,
        columns=columns_of("image_datasets"),
        code=code_of("fit_conv_rfm.py"),
    script:
        "../scripts/fit_conv_rfm.py"
