"""Fit one Deep RFM and measure its training and test points at every layer."""

from job import job

with job(snakemake) as progress:
    from agop_dnc.data import prepared
    from agop_dnc.models.settings import DeepRfmSettings
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.generalisation import rows

    params, wildcards = snakemake.params, snakemake.wildcards
    seed, settings = int(wildcards.seed), DeepRfmSettings(**params.settings)
    device = select_device(params.device, params.threads)
    arrays = prepared.load(snakemake.input.data).arrays().to(device)
    about = {"dataset": wildcards.dataset, "model": wildcards.activation, "seed": seed}
    found = progress(rows.deep_rfm_rows(arrays, settings, seed), unit="rows")
    tables.write([about | row for row in found], params.columns["generalisation"], snakemake.output[0])
