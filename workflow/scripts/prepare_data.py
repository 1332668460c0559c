"""Read one dataset and store it as the models need it, with the facts that captions state."""

from job import job

with job(snakemake):
    import json

    from agop_dnc.data import datasets
    from agop_dnc.files import write_text

    where = dict(snakemake.params.where) or {"root": "", "download": False}
    dataset = datasets.prepare(snakemake.wildcards.dataset, snakemake.params.settings, where["root"], where["download"])
    datasets.save(dataset, snakemake.output.arrays)
    facts = dataset.facts()
    write_text(snakemake.output.facts, json.dumps(facts, ensure_ascii=False) + "\n")
    print(facts)
