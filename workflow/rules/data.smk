"""Datasets: one job reads and stores each."""

for name, settings in SETTINGS.datasets.items():
    if settings.source == "npz" and not Path(settings.path).exists():
        stop(
            f"dataset {name}: the file {settings.path} does not exist; correct datasets.{name}.path in the configuration"
        )


rule prepare_data:
    input:
        user_file,
    output:
        arrays=DATA,
        facts=f"{RESULTS}/data/{{dataset}}.json",
    log:
        f"{RESULTS}/logs/prepare_data/{{dataset}}.log",
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(),
    params:
        settings=lambda wildcards: SETTINGS.datasets[wildcards.dataset].reading(),
        where=lambda wildcards: (
            plain(SETTINGS.data) if SETTINGS.datasets[wildcards.dataset].source == "torchvision" else {}
        ),
        code=code_of("prepare_data.py"),
    script:
        "../scripts/prepare_data.py"
