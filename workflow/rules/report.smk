"""The report: its start page, and an index of the rendered notebooks. `snakemake --report` puts it together."""

VERDICTS = {"claims": f"{RESULTS}/tables/claims.csv"} if "claims" in NOTEBOOKS else {}


rule write_pages:
    input:
        **VERDICTS,
        notebooks=expand(f"{RESULTS}/notebooks/{{figure}}.html", figure=PAGES),
        pictures=expand(f"{FIGURES}/{{figure}}.png", figure=PAGES),
    output:
        start=f"{RESULTS}/report/start.rst",
        configuration=report(
            f"{RESULTS}/report/configuration.yaml",
            caption="../report/configuration.rst",
            category="Configuration",
        ),
        index=f"{RESULTS}/notebooks/index.html",
    log:
        f"{RESULTS}/logs/write_pages.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_pages.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        configuration=sorted_throughout(config),
        datasets=list(config["datasets"]),
        code=code_of("write_pages.py"),
    script:
        "../scripts/write_pages.py"


# Made by a rule, as it starts with the verdicts.
report: str(Path(RESULTS, "report", "start.rst").resolve())


rule collect_costs:
    input:
        TABLES,
        rules.write_pages.output,
    output:
        f"{RESULTS}/tables/cost.csv",
    log:
        f"{RESULTS}/logs/collect_costs.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect_costs.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        folder=f"{RESULTS}/benchmarks",
        code=code_of("collect_costs.py"),
    script:
        "../scripts/collect_costs.py"
