"""The report's start page and the index of the rendered notebooks; `snakemake --report` builds the report."""

import mimetypes

# Without it the report says that it does not know what the configuration is.
mimetypes.add_type("text/plain", ".yaml")


rule write_pages:
    input:
        claims=[f"{RESULTS}/tables/claims.csv"] if "claims" in DRAWN else [],
        notebooks=expand(f"{RESULTS}/notebooks/{{figure}}.html", figure=DRAWN),
        pictures=expand(f"{FIGURES}/{{figure}}.png", figure=DRAWN),
    output:
        start=f"{RESULTS}/report/start.rst",
        configuration=report(
            f"{RESULTS}/report/configuration.yaml",
            caption="../report/configuration.rst",
            category="Configuration",
        ),
        index=f"{RESULTS}/notebooks/index.html",
        links=f"{RESULTS}/notebooks/pages.js",
    log:
        f"{RESULTS}/logs/write_pages.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(),
    params:
        configuration=plain(SETTINGS),
        datasets=list(SETTINGS.datasets),
        titles=[f"{figure.label}: {figure.title}" for figure in DRAWN.values()],
        code=code_of("write_pages.py"),
    script:
        "../scripts/write_pages.py"


# A rule writes this file, because it starts with the verdicts.
report: str(Path(RESULTS, "report", "start.rst").resolve())


rule collect_costs:
    input:
        TABLES,
        rules.write_pages.output,
    output:
        f"{RESULTS}/tables/cost.csv",
    log:
        f"{RESULTS}/logs/collect_costs.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(),
    params:
        folder=f"{RESULTS}/costs",
        code=code_of("collect_costs.py"),
    script:
        "../scripts/collect_costs.py"
