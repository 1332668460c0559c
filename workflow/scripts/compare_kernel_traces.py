"""Set what the theorems predict beside what the kernels of the run's Deep RFMs and RFMs do."""

from job import job

with job(snakemake):
    from agop_dnc import data, kernels, tables, theory_runs

    params, traces, rows = snakemake.params, tables.read(snakemake.input.traces), []
    for name, path in zip(params.datasets, snakemake.input.data, strict=True):
        used = {
            model: kernels.KERNELS[settings["kernel"]](settings["bandwidth"])
            for model, settings in params.settings[name].items()
        }
        y = data.load(path).arrays().y_train
        rows += theory_runs.of_traces(traces[traces.dataset == name], used, y, params.mu)
    tables.write(rows, tables.THEORY, snakemake.output[0])
