"""Datasets: each is read once."""

for name, settings in config["datasets"].items():
    if settings["source"] == "npz" and not Path(settings["path"]).exists():
        stop(f"dataset {name}: there is no file {settings['path']}; mend datasets.{name}.path in the configuration")


rule prepare_data:
    input:
        user_file,
    output:
        arrays=f"{RESULTS}/data/{{dataset}}.npz",
        facts=f"{RESULTS}/data/{{dataset}}.json",
    log:
        f"{RESULTS}/logs/prepare_data/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/prepare_data/{{dataset}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs("light"),
    params:
        settings=lambda wildcards: jobs.data_settings(config, wildcards.dataset),
        where=lambda wildcards: (
            config["data"] if config["datasets"][wildcards.dataset]["source"] == "torchvision" else {}
        ),
        code=code_of("prepare_data.py"),
    script:
        "../scripts/prepare_data.py"
