"""Read one dataset and store it in the form that the models use, with the facts that captions state."""

from job import job

with job(snakemake):
    import json
    from pathlib import Path

    import numpy as np

    from agop_dnc.data import datasets

    where = dict(snakemake.params.where) or {"root": "", "download": False}
    dataset = datasets.prepare(snakemake.wildcards.dataset, snakemake.params.settings, where["root"], where["download"])
    facts = {
        "points": len(dataset.x_train),
        "test_points": len(dataset.x_test),
        "image_shape": dataset.x_train.shape[1:],
        "class_sizes": np.bincount(dataset.y_train).tolist(),
    }
    datasets.save(dataset, snakemake.output.arrays)
    Path(snakemake.output.facts).write_text(json.dumps(facts) + "\n")
    print(facts)
