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


def code_of_figure(figure):
    """Return a hash of what renders a figure, and of what its notebook imports."""
    return f"{code_of('render_figure.py')} {code.code_of(REPOSITORY / 'notebooks' / (NOTEBOOKS[figure]['notebook'] + '.ipynb'), LIBRARY.parent)}"


def label_of(figure):
    """A figure's name in the report, which sorts by it: Figure 07, Figure S1, Claims."""
    return f"Figure {figure[7:].upper()}" if "_" in figure else figure.capitalize()


def shelf_of(figure):
    """The report's category of a figure."""
    if not figure.startswith("figure_"):
        return "Verdicts"
    if figure[7:].isdigit():
        return "Figures of the paper"
    return "Figures of the theory" if figure[7] in "td" else "Figures beyond the paper"


def figure_files():
    """Every figure and rendered notebook of the run."""
    return expand(f"{FIGURES}/{{figure}}.{{kind}}", figure=NOTEBOOKS, kind=["png", "pdf"]) + expand(
        f"{RESULTS}/notebooks/{{figure}}.{{kind}}",
        figure=NOTEBOOKS,
        kind=["ipynb", "html"],
    )


def network_notes(panels):
    """The settings of the networks shown, for a notebook's table: one mapping per (dataset, architecture)."""
    keys = jobs.TRAINING_KEYS + jobs.NETWORK_KEYS
    return [
        {"dataset": dataset, "architecture": architecture} | jobs.network_settings(config, keys, architecture, dataset)
        for dataset, architecture in panels
    ]


def add_network_figure(name, notebook, panels, kinds):
    """A figure of (dataset, architecture) panels, which is given their tables of these kinds as `<kind>_<panel>_<seed>`."""
    files = {
        f"{kind}_{i}_{seed}": f"{RESULTS}/networks/{dataset}/{architecture}/seed_{seed}/{kind}.csv"
        for kind in kinds
        for i, (dataset, architecture) in enumerate(panels)
        for seed in SEEDS
    }
    add_figure(
        name,
        notebook,
        files | facts(dict(panels)),
        panels=[list(panel) for panel in panels],
        settings=network_notes(panels),
        seeds=SEEDS,
    )


def shown(architecture):
    """The datasets of an architecture's figures: those with labels of their own (random ones have Figure S2)."""
    return [name for name in jobs.studied(config, architecture) if config["datasets"][name]["labels"] == "original"]


def random_pairs(architecture):
    """Each dataset with random labels beside the one of the same points with its own."""
    points = ("source", "dataset", "path", "n", "per_class")
    settings = config["datasets"]
    return [
        (name, drawn)
        for drawn in jobs.studied(config, architecture)
        if settings[drawn]["labels"] == "random"
        for name in shown(architecture)
        if all(settings[name].get(key) == settings[drawn].get(key) for key in points)
    ]


letters = []
if "mlp" in ARCHITECTURES and shown("mlp"):
    letters.append((main_only(shown("mlp"))[0], "mlp"))
if "resnet18" in ARCHITECTURES and shown("resnet18"):
    letters.append(((main_only(shown("resnet18")) * 2)[1], "resnet18"))
if letters:
    add_network_figure("figure_02", "svd", letters, ["ablation"])
for i, architecture in enumerate(("mlp", "resnet18", "vgg11")):
    if architecture in ARCHITECTURES and shown(architecture):
        panels = [(dataset, architecture) for dataset in shown(architecture)]
        add_network_figure(f"figure_{7 + i:02}", "svd", panels, ["ablation"])
        add_network_figure(f"figure_{10 + i}", "nfa", panels, ["training", "nfa"])
panels = [(main_only(shown(architecture))[0], architecture) for architecture in ARCHITECTURES if shown(architecture)]
if panels:
    add_network_figure("figure_s1", "truncation", panels, ["ablation", "truncation"])
pairs = [pair for pair in random_pairs("mlp")[:1] if "mlp" in ARCHITECTURES]
if pairs:
    add_network_figure("figure_s2", "labels", [(dataset, "mlp") for dataset in pairs[0]], ["training", "networks"])
if config["claims"]["enabled"]:
    add_figure("figure_s3", "feature_kernel", {"table": f"{RESULTS}/tables/feature_kernel.csv"})
    verdicts = {"claims": f"{RESULTS}/tables/claims.csv", "evidence": f"{RESULTS}/tables/claims_evidence.csv"}
    add_figure("claims", "claims", verdicts)
if DEPARTURE_DATASETS:
    table = {"table": f"{RESULTS}/tables/departures.csv"}
    notes = deep_rfm_notes([(name, activation) for name in DEPARTURE_DATASETS for activation in sorted(ACTIVATIONS)])
    trained = [
        (name, kind)
        for name in DEPARTURE_DATASETS
        for kind in ("mlp", "resnet18")
        if name in jobs.studied(config, kind)
    ]
    notes += network_notes([pair for pair in trained if pair[1] in ARCHITECTURES])
    add_figure("departures", "departures", table | facts(DEPARTURE_DATASETS), settings=notes, seed=SEEDS[0])
TABLE = f"{RESULTS}/tables"
if ITERATION["enabled"]:
    files = {"curves": f"{TABLE}/collapse_iteration.csv", "table": f"{TABLE}/theory.csv"} | facts(ITERATED)
    traced = {"traces": f"{TABLE}/kernel_trace.csv"} if ITERATED else {}
    add_figure(
        "figure_t1",
        "collapse_iteration",
        files | traced,
        settings=[jobs.without(ITERATION, "enabled")],
    )
if LEARNING["enabled"]:
    files = {"curves": f"{TABLE}/kernel_learning.csv", "table": f"{TABLE}/theory.csv"}
    traced = {"traces": f"{TABLE}/kernel_trace.csv"} if LEARNED else {}
    add_figure(
        "figure_t2",
        "kernel_learning",
        files | traced,
        settings=[jobs.without(LEARNING, "enabled")],
    )
if DUFM_PARTS:
    files = {"curves": f"{TABLE}/dufm_curves.csv", "table": f"{TABLE}/dufm.csv"}
    shared = {key: DUFM[key] for key in ("width", "learning_rate", "steps")}
    own = {key: DUFM[key] for key in ("layers", "per_class", "penalty", "starts", "start_scales")}
    add_figure("figure_d1", "dufm_descent", files, settings=[shared | own])
    add_figure("figure_d2", "dufm_threshold", files, settings=[sorted_mapping(DUFM["threshold"])])
    if DUFM["datasets"]:
        head = shared | {"penalty": DUFM["penalty"]} | sorted_mapping(DUFM["network"])
        add_figure("figure_d3", "dufm_network", files, settings=[head])
    add_figure(
        "figure_d4", "dufm_ranks", files, settings=[shared | {"per_class": 5} | dict(case) for case in DUFM["ranks"]]
    )
for name in config["figures"]:
    if name not in NOTEBOOKS:
        stop(
            f"configuration: figures names '{name}', which this configuration does not have; it has {', '.join(NOTEBOOKS)}"
        )
NOTEBOOKS = {name: made for name, made in NOTEBOOKS.items() if name in config["figures"] or not config["figures"]}
if config["figures"]:
    TABLES.clear()
# Verdicts first, then the figures in the paper's order, then what goes beyond it.
PAGES = sorted(NOTEBOOKS, key=lambda name: (name != "claims", name == "departures", not name[7:].isdigit(), name))
