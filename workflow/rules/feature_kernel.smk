"""The kernel of ReLU features (Proposition A.1)."""

from agop_dnc.studies.feature_kernel import study as feature_kernel


rule sample_feature_kernel:
    output:
        f"{RESULTS}/feature_kernel/sampled.csv",
    log:
        f"{RESULTS}/logs/sample_feature_kernel.log",
    group:
        together("theory")
    conda:
        ENVIRONMENT
    threads: SETTINGS.threads
    resources:
        **needs(),
    params:
        seeds=SETTINGS.seeds,
        angles=feature_kernel.ANGLES,
        widths=list(feature_kernel.WIDTHS),
        draws=feature_kernel.DRAWS,
        threads=SETTINGS.threads,
        columns=columns_of("feature_kernel"),
        code=code_of("sample_feature_kernel.py"),
    script:
        "../scripts/sample_feature_kernel.py"
