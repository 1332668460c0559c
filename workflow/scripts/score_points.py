"""Score points of other distributions by the features of every model, for one seed."""

from job import job

with job(snakemake) as progress:
    from dataclasses import replace

    from agop_dnc.data import prepared
    from agop_dnc.models.settings import DeepRfmSettings
    from agop_dnc.pipeline import tables
    from agop_dnc.pipeline.device import select_device
    from agop_dnc.studies.uses import points, rows
    from agop_dnc.studies.uses.settings import NETWORKS, ScoringSettings, SmallMlpSettings

    params, wildcards = snakemake.params, snakemake.wildcards
    seed, scoring = int(wildcards.seed), ScoringSettings(**params.scoring)
    device = select_device(params.device, params.threads)
    others = dict(zip(params.others, map(prepared.load, snakemake.input[1:]), strict=True))
    others.pop(wildcards.dataset, None)
    split = points.split(prepared.load(snakemake.input.data), scoring.held_out, seed, others)
    on_device = {name: found.to(device) for name, found in split.others.items()}
    split = replace(split, arrays=split.arrays.to(device), others=on_device)
    found = []
    for model, settings in progress(params.models.items(), unit="models"):
        if model in NETWORKS:
            made = rows.network_rows(split, SmallMlpSettings(**settings), NETWORKS[model], seed, scoring)
        else:
            made = rows.deep_rfm_rows(split, DeepRfmSettings(**settings), seed, scoring)
        about = {"dataset": wildcards.dataset, "model": model, "seed": seed}
        found += [about | row for row in made]
    tables.write(found, params.columns["out_of_distribution"], snakemake.output[0])
