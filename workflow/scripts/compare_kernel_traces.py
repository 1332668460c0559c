"""Set what the theorems predict beside what the kernels of the run's Deep RFMs and RFMs do."""

from job import job

with job(snakemake):
    from agop_dnc.data import datasets
    from agop_dnc.kernels import radial
    from agop_dnc.pipeline import tables
    from agop_dnc.studies.kernel_trace import rows as kernel_trace_rows

    params, traces, rows = snakemake.params, tables.read(snakemake.input.traces), []
    for name, path in zip(params.datasets, snakemake.input.data, strict=True):
        used = {
            model: radial.KERNELS[settings["kernel"]](settings["bandwidth"])
            for model, settings in params.settings[name].items()
        }
        y = datasets.load(path).arrays().y_train
        rows += kernel_trace_rows.of_traces(traces[traces.dataset == name], used, y, params.mu)
    tables.write(rows, tables.THEORY, snakemake.output[0])
