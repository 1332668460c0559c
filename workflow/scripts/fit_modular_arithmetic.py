"""Fit an RFM to one operation modulo a prime, and the plain kernel with random circulant features."""

from job import job

with job(snakemake) as progress:
    import numpy as np

    from agop_dnc.data.modular import modular_table
    from agop_dnc.files import replacing
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.modular_arithmetic import features, rows

    params, wildcards = snakemake.params, snakemake.wildcards
    p, operation, kernel, seed = int(wildcards.p), wildcards.operation, wildcards.kernel, int(wildcards.seed)
    device, settings, kept = select_device(params.device, params.threads), params.settings, []
    table = modular_table(operation, p, seed, settings["train_fraction"])
    about = {"p": p, "operation": operation, "kernel": kernel, "seed": seed}
    found = [*rows.random_circulant_rows(table, kernel, seed, settings, device)]
    found += progress(rows.rfm_rows(table, kernel, settings, device, kept), unit="rows")
    tables.write((about | row for row in found), params.columns["modular_arithmetic"], snakemake.output.rows)
    with replacing(snakemake.output.features) as temporary:
        np.savez(temporary, M=kept[-1].numpy(), ordered=features.ordered(kept[-1], operation).numpy())
