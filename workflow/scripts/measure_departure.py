"""Measure one group of the released code's departures on one dataset."""

from job import job

with job(snakemake):
    import tempfile
    from pathlib import Path

    from agop_dnc import data, deep_rfm, departure_runs, departures, devices, tables

    params, group = snakemake.params, snakemake.wildcards.group
    devices.select("cpu", params.threads)
    dataset = data.load(snakemake.input.data)
    arrays, settings, seed = dataset.arrays(), dict(params.settings), params.seed
    with tempfile.TemporaryDirectory() as folder:
        if group == "tables":
            table = tables.read(snakemake.input.deep_rfm)
            chosen = table[(table.dataset == snakemake.wildcards.dataset) & (table.seed == seed)]
            rows = departure_runs.of_tables(chosen, int(arrays.y_train.max()) + 1)
        elif group == "formulas":
            rows = [*departure_runs.of_centre(arrays), *departure_runs.of_kappa()]
        elif group == "mlp":
            rows = departure_runs.of_mlp(dataset, settings["training"], settings["network"], seed, Path(folder))
        elif group == "resnet18":
            rows = departure_runs.of_resnet(arrays, settings["training"], settings["network"], seed, Path(folder))
        else:
            measure = {
                "ridge": departure_runs.of_ridge,
                "precision": departure_runs.of_precision,
                "width": departure_runs.of_width,
                "agop_scale": departure_runs.of_agop_scale,
            }[group]
            rows = measure(arrays, deep_rfm.Settings(**settings), seed)
        table = departure_runs.labelled(rows, snakemake.wildcards.dataset)
    tables.write(table, departures.COLUMNS, snakemake.output[0])
