"""Images in noise: a job per seed fits convolutional RFMs to stars in noise, and one to digits in noise."""

from agop_dnc.studies.noisy_images import study as noisy_images

# Return the forecast of all sizes with one seed.
noisy_images_forecast = lambda wildcards: noisy_images.forecast(SETTINGS, CPU_RATE)


# Return the forecast of the digits with one seed.
noisy_digits_forecast = lambda wildcards: noisy_images.digits_forecast(SETTINGS, CPU_RATE)

NOISY_DIGITS = noisy_images.digits_settings(SETTINGS) if noisy_images.has_digits(SETTINGS) else {}


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


rule fit_noisy_digits:
    input:
        data=DATA.format(dataset=NOISY_DIGITS.get("dataset", "no_dataset")),
    output:
        rows=f"{RESULTS}/noisy_images/digits/seed_{{seed}}.csv",
        images=f"{RESULTS}/noisy_images/digits/images_{{seed}}.npz",
    log:
        f"{RESULTS}/logs/fit_noisy_digits/{{seed}}.log",
    group:
        together("theory", noisy_digits_forecast)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(noisy_digits_forecast),
    params:
        settings=NOISY_DIGITS,
        threads=SETTINGS.threads,
        columns=columns_of("noisy_images"),
        code=code_of("fit_noisy_digits.py"),
    script:
        "../scripts/fit_noisy_digits.py"
