"""Theorem 5.3: Deep RFM collapses exponentially."""


rule iterate_collapse:
    input:
        [f"{RESULTS}/data/{name}.npz" for name in ITERATED],
    output:
        curves=report(f"{RESULTS}/tables/collapse_iteration.csv", caption="../report/table.rst", category="Tables"),
        table=f"{THEORY}/collapse_iteration.csv",
    log:
        f"{RESULTS}/logs/iterate_collapse.log",
    benchmark:
        f"{RESULTS}/benchmarks/iterate_collapse.tsv"
    group:
        together("theory")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("light"),
    params:
        datasets=ITERATED,
        settings=jobs.without(ITERATION, "enabled", "datasets"),
        seed=SEEDS[0],
        threads=config["threads"],
        code=code_of("iterate_collapse.py"),
    script:
        "../scripts/iterate_collapse.py"
