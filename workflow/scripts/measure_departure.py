"""Measure one group of the released code's departures on one dataset."""

from job import job

with job(snakemake):
    import tempfile
    from pathlib import Path

    from agop_dnc.data import datasets
    from agop_dnc.models.deep_rfm import Settings
    from agop_dnc.pipeline import forecasts, tables
    from agop_dnc.pipeline.device import available_bytes, select_device
    from agop_dnc.studies.departures import departures
    from agop_dnc.studies.departures import rows as departures_rows

    params = snakemake.params
    device = select_device("cpu", params.threads)
    dataset = datasets.load(snakemake.input.data)
    arrays, settings, seed = dataset.arrays(), dict(params.settings), params.seed
    if "activation" in settings:
        n, d = arrays.x_train.shape
        needed = forecasts.deep_rfm_bytes(n, d, 0, Settings(**settings).width, Settings(**settings).precision)
        forecasts.check_memory(needed, available_bytes(device), n, "float64")
    with tempfile.TemporaryDirectory(dir=Path(snakemake.output[0]).parent) as folder:
        network = (settings.get("training"), settings.get("network"), seed, Path(folder))
        match snakemake.wildcards.group:
            case "definitions":
                table = tables.read(snakemake.input.deep_rfm)
                chosen = table[(table.dataset == snakemake.wildcards.dataset) & (table.seed == seed)]
                rows = [*departures_rows.of_tables(chosen, int(arrays.y_train.max()) + 1)]
                rows += departures_rows.of_kappa()
            case "solver":
                rows = [*departures_rows.of_ridge(arrays, Settings(**settings), seed)]
                rows += departures_rows.of_precision(arrays, Settings(**settings), seed)
                rows += departures_rows.of_centre(arrays, Settings(**settings), seed)
            case "cosines":
                rows = [*departures_rows.of_width(arrays, Settings(**settings), seed)]
                rows += departures_rows.of_agop_scale(arrays, Settings(**settings), seed)
            case "mlp":
                rows = departures_rows.of_mlp(dataset, *network)
            case "resnet18":
                rows = departures_rows.of_resnet(arrays, *network)
        table = departures_rows.labelled(rows, snakemake.wildcards.dataset)
    tables.write(table, departures.COLUMNS, snakemake.output[0])
