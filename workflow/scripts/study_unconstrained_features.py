"""Run one part of a study of the deep unconstrained features model: d1, d2, d3 or d4."""

from job import job

with job(snakemake):
    from agop_dnc.data import prepared
    from agop_dnc.models.dufm import Model
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.unconstrained_features import rows

    chosen, columns = snakemake.params.settings, snakemake.params.columns
    select_device("cpu", snakemake.params.threads)
    layers, seeds = chosen["layers"], chosen["seeds"]
    # d2's sweep sets the penalties itself, and d3's data determines the points per class.
    penalties = (chosen.get("penalty", 0.0),) * (layers + 1)
    model = Model(chosen.get("classes", 2), chosen.get("per_class", 2), layers, chosen["width"], penalties)
    descent = (chosen.get("learning_rate"), chosen.get("steps"))
    match snakemake.wildcards.part.split("_")[0]:
        case "d1":
            curves, found = rows.descent_rows(model, chosen["start_scales"], seeds, *descent)
        case "d2":
            ratios = rows.swept(chosen["decades"], chosen["points"])
            curves, found = rows.threshold_rows(model, ratios, seeds)
        case "d3":
            arrays = prepared.load(snakemake.input[0]).arrays()
            points = (arrays.x_train, arrays.y_train)
            network = (chosen["hidden"], *descent, seeds[0], chosen["dataset"])
            curves, found = rows.network_rows(*points, (0, 1), model, *network)
        case "d4":
            curves, found = rows.rank_rows(model, seeds, *descent)
    predictions = ({"study": "unconstrained_features"} | row for row in found)
    tables.write(curves, columns["dufm_curves"], snakemake.output.curves)
    tables.write(predictions, columns["predictions"], snakemake.output.predictions)
