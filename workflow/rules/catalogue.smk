"""What figures there are, which notebook draws each, and from what."""

# A figure: the notebook's family, what it reads, and its parameters.
NOTEBOOKS = {}


def add_figure(name, notebook, files, **parameters):
    """A figure of the notebook `notebook`, which is given the paths of `files` by name, and the parameters."""
    NOTEBOOKS[name] = {
        "notebook": notebook,
        "files": files,
        "parameters": {"figure": name, **parameters},
    }


def facts(datasets):
    """What was run on: points, dimensions and classes of each dataset."""
    return {f"facts_{name}": f"{RESULTS}/data/{name}.json" for name in datasets}


def gram_file(dataset, activation):
    return f"{RESULTS}/deep_rfm/{dataset}/{activation}/gram_{SEEDS[0]}.npz"


def deep_rfm_notes(panels):
    """The settings of the Deep RFMs shown, for a notebook's table: one mapping per (dataset, activation)."""
    return [
        {"dataset": dataset, "activation": activation}
        | sorted_mapping(configuration.model_settings(config["deep_rfm"], "activation", activation, dataset))
        for dataset, activation in panels
    ]


def add_gram_figure(name, panels):
    """Gram matrices of (dataset, activation) panels."""
    add_figure(
        name,
        "gram",
        {f"gram_{i}": gram_file(*panel) for i, panel in enumerate(panels)} | facts(dict(panels)),
        panels=[list(panel) for panel in panels],
        settings=deep_rfm_notes(panels),
        seeds=SEEDS[:1],
    )


if DEEP_RFM_DATASETS:
    first, second = (main_only(DEEP_RFM_DATASETS) * 2)[:2]
    letters = [panel for panel in ((second, "cos"), (first, "relu")) if panel[1] in ACTIVATIONS]
    add_gram_figure("figure_01", letters)
    for name, activation in (("figure_03", "relu"), ("figure_04", "cos")):
        if activation in ACTIVATIONS:
            tables = deep_rfm_tables([activation])
            add_figure(
                name,
                "depth",
                {f"table_{i}": table for i, table in enumerate(tables)} | facts(DEEP_RFM_DATASETS),
                activation=activation,
                settings=deep_rfm_notes([(dataset, activation) for dataset in DEEP_RFM_DATASETS]),
                seeds=SEEDS,
            )
    for name, activation in (("figure_05", "cos"), ("figure_06", "relu")):
        if activation in ACTIVATIONS:
            add_gram_figure(name, [(dataset, activation) for dataset in DEEP_RFM_DATASETS])


def figure_files():
    """Every figure and rendered notebook of the run."""
    return expand(f"{FIGURES}/{{figure}}.{{kind}}", figure=NOTEBOOKS, kind=["png", "pdf"]) + expand(
        f"{RESULTS}/notebooks/{{figure}}.{{kind}}",
        figure=NOTEBOOKS,
        kind=["ipynb", "html"],
    )
