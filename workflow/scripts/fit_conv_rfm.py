"""Fit convolutional RFMs to one dataset of images."""

from job import job

with job(snakemake):
    from agop_dnc.data import prepared
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.image_datasets import rows

    params, wildcards = snakemake.params, snakemake.wildcards
    select_device("cpu", params.threads)
    dataset = prepared.load(snakemake.input.data)
    about = {"dataset": wildcards.dataset}
    found = [about | row for row in rows.measure(dataset, wildcards.dataset, int(wildcards.seed), params.settings)]
    tables.write(found, params.columns["image_datasets"], snakemake.output[0])
