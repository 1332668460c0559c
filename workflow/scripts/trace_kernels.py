"""Trace the kernel matrices of a Deep RFM or an RFM through its layers."""

from job import job

with job(snakemake) as progress:
    from agop_dnc.data import prepared
    from agop_dnc.models.settings import DeepRfmSettings
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.kernel_trace import trace

    params, model = snakemake.params, snakemake.wildcards.model
    device = select_device(params.device, params.threads)
    arrays, settings = prepared.load(snakemake.input.data).arrays().to(device), DeepRfmSettings(**params.settings)
    if model == "rfm":
        found = trace.trace_rfm(arrays, settings, params.mu)
    else:
        found = trace.trace_deep_rfm(arrays, settings, params.seed, params.mu)
    about = {"dataset": snakemake.wildcards.dataset, "model": model}
    rows = [about | row for row in progress(found, unit="rows")]
    tables.write(rows, params.columns["kernel_trace"], snakemake.output[0])
