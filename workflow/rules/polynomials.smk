"""Low-rank polynomials: RFM, the Laplace kernel and a ReLU network."""

from agop_dnc.studies.polynomials import study as polynomials

# Return the forecast of one target with one seed.
polynomials_forecast = lambda wildcards: polynomials.forecast(SETTINGS, RATE)


rule fit_polynomials:
    output:
        rows=f"{RESULTS}/polynomials/{{target}}/seed_{{seed}}.csv",
        metric=f"{RESULTS}/polynomials/{{target}}/metric_{{seed}}.npz",
    log:
        f"{RESULTS}/logs/fit_polynomials/{{target}}_{{seed}}.log",
    wildcard_constraints:
        target="product|hermite_pair",
    group:
        together("polynomials", polynomials_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(polynomials_forecast, gpu=True),
    params:
        settings=polynomials.job_settings(SETTINGS) if SETTINGS.has("polynomials") else {},
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("polynomials"),
        code=code_of("fit_polynomials.py"),
    script:
        "../scripts/fit_polynomials.py"
