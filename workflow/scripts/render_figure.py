"""Run a notebook with a figure's parameters; keep it, as ipynb and HTML, with nothing in it that a second run would change."""

import os
import tempfile

from job import SOURCE, job

with job(snakemake), tempfile.TemporaryDirectory() as empty:
    # The kernel is a process of its own; a user's own start-up file must not change a result.
    start = SOURCE.parent / "workflow" / "scripts" / "kernel_start.py"
    os.environ |= {"PYTHONPATH": str(SOURCE), "PYTHONSTARTUP": str(start), "IPYTHONDIR": empty}

    from agop_dnc.pipeline import notebooks

    output, params = snakemake.output, snakemake.params
    parameters = {"figure": snakemake.wildcards.figure, "title": params.title} | dict(params.parameters)
    parameters |= {"files": dict(params.files), "outputs": [output.png, output.pdf]}
    notebooks.render(snakemake.input.notebook, parameters, output.notebook, output.html)
