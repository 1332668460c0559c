"""Theorem 5.4: collapse is the optimum of kernel ridge regression over kernels."""


rule learn_kernels:
    output:
        curves=report(f"{RESULTS}/tables/kernel_learning.csv", caption="../report/table.rst", category="Tables"),
        table=f"{THEORY}/kernel_learning.csv",
    log:
        f"{RESULTS}/logs/learn_kernels.log",
    benchmark:
        f"{RESULTS}/benchmarks/learn_kernels.tsv"
    group:
        together("theory")
    conda:
        ENVIRONMENT
    threads: config["threads"]
    resources:
        **needs("light"),
    params:
        problems=[sorted_mapping(problem) for problem in LEARNING["problems"]],
        steps=LEARNING["steps"],
        length=LEARNING["step_length"],
        seed=SEEDS[0],
        threads=config["threads"],
        code=code_of("learn_kernels.py"),
    script:
        "../scripts/learn_kernels.py"
