"""Theorem 5.4: collapse is the optimum of kernel ridge regression over kernels."""

from agop_dnc.studies.kernel_learning import study as kernel_learning


rule learn_kernels:
    output:
        curves=f"{RESULTS}/kernel_learning/curves.csv",
        predictions=f"{RESULTS}/kernel_learning/predictions.csv",
    log:
        f"{RESULTS}/logs/learn_kernels.log",
    group:
        together("theory")
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(),
    params:
        settings=kernel_learning.job_settings(SETTINGS) if SETTINGS.has("kernel_learning") else {},
        seed=SETTINGS.seeds[0],
        threads=SETTINGS.threads,
        columns=columns_of("kernel_learning", "predictions"),
        code=code_of("learn_kernels.py"),
    script:
        "../scripts/learn_kernels.py"
