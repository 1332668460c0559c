"""Follow the kernel matrices of a Deep RFM, or of an RFM, through its layers."""

from job import job

with job(snakemake) as progress:
    from agop_dnc import data, devices, kernel_trace, tables
    from agop_dnc.deep_rfm import Settings

    params, model = snakemake.params, snakemake.wildcards.model
    device = devices.select(params.device, params.threads)
    arrays, settings = data.load(snakemake.input[0]).arrays().to(device), Settings(**params.settings)
    if model == "rfm":
        found = kernel_trace.trace_rfm(arrays, settings, params.mu)
    else:
        found = kernel_trace.trace_deep_rfm(arrays, settings, params.seed, params.mu)
    about = {"dataset": snakemake.wildcards.dataset, "model": model}
    rows = [about | row for row in progress(found, unit="rows")]
    tables.write(rows, tables.KERNEL_TRACE, snakemake.output[0])
