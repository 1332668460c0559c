"""One part of a study of the deep unconstrained features model: d1, d2, d3 or d4."""

from job import job

with job(snakemake):
    from agop_dnc import data, devices, dufm_runs, tables
    from agop_dnc.unconstrained_features import Model

    chosen = snakemake.params.settings
    devices.select("cpu", snakemake.params.threads)
    study = snakemake.wildcards.part.split("_")[0]
    layers, seeds = chosen["layers"], chosen["seeds"]
    # The sweep of d2 sets the penalties, and the data of d3 the points a class.
    penalties = (chosen.get("penalty", 0.0),) * (layers + 1)
    model = Model(chosen.get("classes", 2), chosen.get("per_class", 2), layers, chosen["width"], penalties)
    descent = (chosen.get("learning_rate"), chosen.get("steps"))
    match study:
        case "d1":
            curves, found = dufm_runs.of_descent(model, chosen["start_scales"], seeds, *descent)
        case "d2":
            ratios = dufm_runs.swept(chosen["decades"], chosen["points"])
            curves, found = dufm_runs.of_threshold(model, ratios, seeds)
        case "d3":
            arrays = data.load(snakemake.input[0]).arrays()
            points = (arrays.x_train, arrays.y_train)
            curves, found = dufm_runs.of_network(*points, (0, 1), model, chosen["hidden"], *descent, seeds[0])
        case "d4":
            curves, found = dufm_runs.of_ranks(model, seeds, *descent)
    dataset = {"data": chosen.get("dataset", "free features")}
    tables.write([dataset | row for row in curves], tables.DUFM_CURVES, snakemake.output.curves)
    tables.write([dataset | row for row in found], tables.DUFM, snakemake.output.table)
