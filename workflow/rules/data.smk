"""Datasets: each is read once."""

for name, settings in config["datasets"].items():
    if settings["source"] == "npz" and not Path(settings["path"]).exists():
        stop(
            f"dataset {name}: there is no file {settings['path']}; mend datasets.{name}.path in the configuration"
        )


def user_file(wildcards):
    """The npz of a user's own, which is read again when it changes."""
    return config["datasets"][wildcards.dataset].get("path", [])


def data_settings(wildcards):
    """What the arrays depend on: not on what is run on them."""
    settings = config["datasets"][wildcards.dataset]
    return sorted_mapping({key: value for key, value in settings.items() if key not in ("labels", "studies", "role")})


rule prepare_data:
    input:
        user_file,
    output:
        arrays=f"{RESULTS}/data/{{dataset}}.npz",
        facts=f"{RESULTS}/data/{{dataset}}.json",
    log:
        f"{RESULTS}/logs/prepare_data/{{dataset}}.log",
    conda:
        ENVIRONMENT
    params:
        settings=data_settings,
        where=lambda wildcards: (
            config["data"] if config["datasets"][wildcards.dataset]["source"] == "torchvision" else {}
        ),
        library=library_hash("data"),
    script:
        "../scripts/prepare_data.py"
