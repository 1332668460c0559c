"""Judge the paper's claims by the run's tables."""

from job import job

with job(snakemake):
    import pandas as pd

    from agop_dnc import notes
    from agop_dnc.pipeline import tables
    from agop_dnc.studies.verdicts import claims

    def table(name, columns):
        path = snakemake.input.get(name)
        return tables.read(path) if path else pd.DataFrame(columns=columns)

    class_sizes = {
        name: notes.facts(snakemake.input[f"facts_{name}"])["class_sizes"] for name in snakemake.params.datasets
    }
    evidence = claims.Evidence(
        deep_rfm=table("deep_rfm", tables.DEEP_RFM),
        ablation=table("ablation", tables.NETWORKS),
        nfa=table("nfa", tables.NFA),
        networks=table("networks", tables.NETWORKS),
        training=table("training", tables.TRAINING),
        feature_kernel=table("feature_kernel", tables.FEATURE_KERNEL),
        class_sizes=class_sizes,
    )
    verdicts, values = claims.evaluate(evidence)
    tables.write(verdicts, claims.COLUMNS, snakemake.output.claims)
    tables.write(values, claims.EVIDENCE_COLUMNS, snakemake.output.evidence)
