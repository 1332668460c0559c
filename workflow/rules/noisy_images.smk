"""Images in noise: a job per seed fits convolutional RFMs to stars in noise."""

from agop_dnc.studies.noisy_images import study as noisy_images

# Return the forecast of all sizes with one seed.
noisy_images_forecast = lambda wildcards: noisy_images.forecast(SETTINGS, CPU_RATE)


rule fit_noisy_images:
    output:
        rows=f"{RESULTS}/noisy_images/seed_{{seed}}.csv",
        images=f"{RESULTS}/noisy_images/images_{{seed}}.npz",
    log:
        f"{RESULTS}/logs/fit_noisy_images/{{seed}}.log",
    group:
        together("theory", noisy_images_forecast)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(noisy_images_forecast),
    params:
        settings=noisy_images.job_settings(SETTINGS) if SETTINGS.has("noisy_images") else {},
        threads=SETTINGS.threads,
        columns=columns_of("noisy_images"),
        code=code_of("fit_noisy_images.py"),
    script:
        "../scripts/fit_noisy_images.py"
