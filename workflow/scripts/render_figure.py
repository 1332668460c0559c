"""Run a notebook with a figure's parameters, and store it as ipynb and HTML without anything that differs from run to run."""

import os
import tempfile

from job import SOURCE, job

with job(snakemake), tempfile.TemporaryDirectory() as empty:
    # The kernel is a separate process, whose results must not depend on a user's own start-up file.
    start = SOURCE.parent / "workflow" / "scripts" / "kernel_start.py"
    os.environ |= {"PYTHONPATH": str(SOURCE), "PYTHONSTARTUP": str(start), "IPYTHONDIR": empty}

    from agop_dnc.pipeline import notebooks

    output, params = snakemake.output, snakemake.params
    parameters = {"figure": snakemake.wildcards.figure, "title": params.title} | dict(params.parameters)
    parameters |= {"files": dict(params.files), "outputs": [output.png, output.pdf]}
    notebooks.render(snakemake.input.notebook, parameters, output.notebook, output.html)
