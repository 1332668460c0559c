"""One part of a study of the deep unconstrained features model: d1, d2, d3 or d4."""

from job import job

with job(snakemake):
    from agop_dnc.data import datasets
    from agop_dnc.models.dufm import Model
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.unconstrained_features import rows as unconstrained_features_rows

    chosen = snakemake.params.settings
    select_device("cpu", snakemake.params.threads)
    study = snakemake.wildcards.part.split("_")[0]
    layers, seeds = chosen["layers"], chosen["seeds"]
    # The sweep of d2 sets the penalties, and the data of d3 the points a class.
    penalties = (chosen.get("penalty", 0.0),) * (layers + 1)
    model = Model(chosen.get("classes", 2), chosen.get("per_class", 2), layers, chosen["width"], penalties)
    descent = (chosen.get("learning_rate"), chosen.get("steps"))
    match study:
        case "d1":
            curves, found = unconstrained_features_rows.of_descent(model, chosen["start_scales"], seeds, *descent)
        case "d2":
            ratios = unconstrained_features_rows.swept(chosen["decades"], chosen["points"])
            curves, found = unconstrained_features_rows.of_threshold(model, ratios, seeds)
        case "d3":
            arrays = datasets.load(snakemake.input[0]).arrays()
            points = (arrays.x_train, arrays.y_train)
            curves, found = unconstrained_features_rows.of_network(
                *points, (0, 1), model, chosen["hidden"], *descent, seeds[0]
            )
        case "d4":
            curves, found = unconstrained_features_rows.of_ranks(model, seeds, *descent)
    dataset = {"data": chosen.get("dataset", "free features")}
    tables.write([dataset | row for row in curves], tables.DUFM_CURVES, snakemake.output.curves)
    tables.write([dataset | row for row in found], tables.DUFM, snakemake.output.table)
