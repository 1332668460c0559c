"""Modular arithmetic: RFM groks by block-circulant features."""

from agop_dnc.studies.modular_arithmetic import study as modular_arithmetic

# Return the forecast of one RFM.
modular_forecast = lambda wildcards: modular_arithmetic.forecast(SETTINGS, int(wildcards.p), wildcards.kernel, RATE)


rule fit_modular_arithmetic:
    output:
        rows=f"{RESULTS}/modular_arithmetic/{{p}}/{{operation}}/{{kernel}}/seed_{{seed}}.csv",
        features=f"{RESULTS}/modular_arithmetic/{{p}}/{{operation}}/{{kernel}}/seed_{{seed}}.npz",
    log:
        f"{RESULTS}/logs/fit_modular_arithmetic/{{p}}_{{operation}}_{{kernel}}_{{seed}}.log",
    wildcard_constraints:
        p=r"\d+",
        operation="add|subtract|multiply|divide",
        kernel="quadratic|gaussian",
    group:
        together("modular_arithmetic", modular_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(modular_forecast, gpu=True),
    params:
        settings=modular_arithmetic.job_settings(SETTINGS) if SETTINGS.has("modular_arithmetic") else {},
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("modular_arithmetic"),
        code=code_of("fit_modular_arithmetic.py"),
    script:
        "../scripts/fit_modular_arithmetic.py"
