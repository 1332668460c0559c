"""What collapse is good for: a job per dataset and seed scores points of other distributions, another compares readouts."""

from agop_dnc.studies.uses import study as uses

USES = f"{RESULTS}/uses/{{dataset}}"


# Return the forecast of scoring points with all models of one seed.
uses_forecast = lambda wildcards: uses.forecast(SETTINGS, wildcards.dataset, size_of(wildcards.dataset), RATE)


# Return the forecast of all networks with learned and fixed readouts of one seed.
readouts_forecast = lambda wildcards: uses.readouts_forecast(SETTINGS, size_of(wildcards.dataset), RATE)


rule score_points:
    input:
        data=DATA,
        others=files_of(SETTINGS.uses.others if SETTINGS.has("uses") else []),
    output:
        f"{USES}/scores/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/score_points/{{dataset}}_{{seed}}.log",
    group:
        together("uses", uses_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(uses_forecast, gpu=True),
    params:
        models=lambda wildcards: uses.models(SETTINGS, wildcards.dataset),
        scoring=lambda wildcards: uses.scoring(SETTINGS),
        others=SETTINGS.uses.others if SETTINGS.has("uses") else [],
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("out_of_distribution"),
        code=code_of("score_points.py"),
    script:
        "../scripts/score_points.py"


rule compare_readouts:
    input:
        data=DATA,
    output:
        f"{USES}/readouts/seed_{{seed}}.csv",
    log:
        f"{RESULTS}/logs/compare_readouts/{{dataset}}_{{seed}}.log",
    group:
        together("uses", readouts_forecast, gpu=True)
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(readouts_forecast, gpu=True),
    params:
        settings=lambda wildcards: uses.readouts(SETTINGS),
        device=SETTINGS.device,
        threads=SETTINGS.threads,
        columns=columns_of("readouts"),
        code=code_of("compare_readouts.py"),
    script:
        "../scripts/compare_readouts.py"
