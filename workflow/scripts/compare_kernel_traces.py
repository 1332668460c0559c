"""Compare the theorems' predictions with the kernels of the run's Deep RFMs and RFMs."""

from job import job

with job(snakemake):
    from agop_dnc.data import prepared
    from agop_dnc.kernels import radial
    from agop_dnc.pipeline import tables
    from agop_dnc.studies.kernel_trace import rows

    params, traces, found = snakemake.params, tables.read(snakemake.input.traces), []
    for name, path in zip(params.datasets, snakemake.input.data, strict=True):
        kernels = {
            model: radial.KERNELS[settings["kernel"]](settings["bandwidth"])
            for model, settings in params.settings[name].items()
        }
        y = prepared.load(path).arrays().y_train
        found += rows.prediction_rows(traces[traces.dataset == name], kernels, y, params.mu)
    predicted = ({"study": "kernel_trace"} | row for row in found)
    tables.write(predicted, params.columns["predictions"], snakemake.output[0])
