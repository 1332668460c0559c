"""Measure one group of the released code's departures on one dataset."""

from job import job

with job(snakemake):
    import tempfile
    from pathlib import Path

    from agop_dnc import data, deep_rfm, departure_runs, departures, devices, tables
    from agop_dnc.deep_rfm import Settings

    params = snakemake.params
    device = devices.select("cpu", params.threads)
    dataset = data.load(snakemake.input.data)
    arrays, settings, seed = dataset.arrays(), dict(params.settings), params.seed
    if "activation" in settings:
        n, d = arrays.x_train.shape
        needed = deep_rfm.forecast_bytes(n, d, 0, Settings(**settings))
        deep_rfm.check_memory(needed, devices.available_bytes(device), n, "float64")
    with tempfile.TemporaryDirectory(dir=Path(snakemake.output[0]).parent) as folder:
        network = (settings.get("training"), settings.get("network"), seed, Path(folder))
        match snakemake.wildcards.group:
            case "definitions":
                table = tables.read(snakemake.input.deep_rfm)
                chosen = table[(table.dataset == snakemake.wildcards.dataset) & (table.seed == seed)]
                rows = [*departure_runs.of_tables(chosen, int(arrays.y_train.max()) + 1)]
                rows += departure_runs.of_kappa()
            case "solver":
                rows = [*departure_runs.of_ridge(arrays, Settings(**settings), seed)]
                rows += departure_runs.of_precision(arrays, Settings(**settings), seed)
                rows += departure_runs.of_centre(arrays, Settings(**settings), seed)
            case "cosines":
                rows = [*departure_runs.of_width(arrays, Settings(**settings), seed)]
                rows += departure_runs.of_agop_scale(arrays, Settings(**settings), seed)
            case "mlp":
                rows = departure_runs.of_mlp(dataset, *network)
            case "resnet18":
                rows = departure_runs.of_resnet(arrays, *network)
        table = departure_runs.labelled(rows, snakemake.wildcards.dataset)
    tables.write(table, departures.COLUMNS, snakemake.output[0])
