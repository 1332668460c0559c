"""The AGOP of predictors against the expected gradient outer product of their target."""

from agop_dnc.studies.egop import study as egop

# Return the forecast of one target with one seed.
egop_forecast = lambda wildcards: egop.forecast(SETTINGS, RATE)


rule estimate_egop:
    output:
        f"{RESULTS}/egop/{{target}}/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/estimate_egop/{{target}}_{{seed}}.log",
    wildcard_constraints:
        target="|".join(egop.FORMULAS),
    group:
        together("egop", egop_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(egop_forecast, gpu=True),
    params:
        settings=egop.job_settings(SETTINGS) if SETTINGS.has("egop") else {},
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("egop"),
        code=code_of("estimate_egop.py"),
    script:
        "../scripts/estimate_egop.py"
