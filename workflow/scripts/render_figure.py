"""Run a notebook with a figure's parameters, and store it as ipynb and HTML without anything that differs from run to run."""

import json
import os
import sys
import tempfile
from pathlib import Path

from job import job

with job(snakemake), tempfile.TemporaryDirectory() as own:
    # The kernel is a separate process, whose results must not depend on a user's own configuration.
    kernel = Path(own, "kernels", "python3", "kernel.json")
    kernel.parent.mkdir(parents=True)
    command = [sys.executable, str(Path(__file__).with_name("kernel.py")), "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}), encoding="utf-8")
    os.environ |= {"JUPYTER_PATH": own, "IPYTHONDIR": own}

    from agop_dnc.pipeline import notebooks

    output, params = snakemake.output, snakemake.params
    parameters = {"figure": snakemake.wildcards.figure, "title": params.title} | dict(params.parameters)
    parameters |= {"files": dict(params.files), "outputs": [output.png, output.pdf]}
    notebooks.render(snakemake.input.notebook, parameters, output.notebook, output.html)
