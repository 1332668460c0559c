"""Measure one group of the released code's departures on one dataset."""

from job import job

with job(snakemake):
    import tempfile
    from pathlib import Path

    from agop_dnc.data import prepared
    from agop_dnc.models.settings import DeepRfmSettings
    from agop_dnc.pipeline import forecasts, tables
    from agop_dnc.pipeline.device import available_bytes, select_device
    from agop_dnc.studies.departures import rows

    params, wildcards = snakemake.params, snakemake.wildcards
    device = select_device("cpu", params.threads)
    dataset = prepared.load(snakemake.input.data)
    arrays, seed = dataset.arrays(), params.seed
    of_deep_rfm = "activation" in params.settings
    deep_rfm = DeepRfmSettings(**params.settings) if of_deep_rfm else DeepRfmSettings()
    if of_deep_rfm:
        n, d = arrays.x_train.shape
        needed = forecasts.deep_rfm_bytes(n, d, 0, deep_rfm.width, deep_rfm.precision)
        forecasts.check_memory(needed, available_bytes(device), n, deep_rfm.precision)
    with tempfile.TemporaryDirectory(dir=Path(snakemake.output[0]).parent) as folder:
        match wildcards.group:
            case "definitions":
                table = tables.read(snakemake.input.deep_rfm)
                chosen = table[(table.dataset == wildcards.dataset) & (table.seed == seed)]
                found = [*rows.definition_rows(chosen, int(arrays.y_train.max()) + 1), *rows.kappa_rows()]
            case "solver":
                found = [*rows.ridge_rows(arrays, deep_rfm, seed), *rows.precision_rows(arrays, deep_rfm, seed)]
                found += rows.centre_rows(arrays, deep_rfm, seed)
            case "cosines":
                found = [*rows.width_rows(arrays, deep_rfm, seed), *rows.agop_scale_rows(arrays, deep_rfm, seed)]
            case "mlp":
                found = [*rows.mlp_rows(dataset, **params.settings, seed=seed, folder=Path(folder))]
            case "resnet18":
                found = [*rows.resnet_rows(arrays, **params.settings, seed=seed, folder=Path(folder))]
        labelled = [{"dataset": wildcards.dataset} | row for row in found]
    tables.write(labelled, params.columns["departures"], snakemake.output[0])
