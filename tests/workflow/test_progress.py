"""The progress of a long job, in its log and on the terminal."""

import re
import subprocess
import sys

from conftest import REPOSITORY

# A training's bar of 40 epochs, of which it goes on from the thirtieth.
SCRIPT = """
import sys, time
from types import SimpleNamespace
sys.path.insert(0, {scripts!r})
import job
job.IN_THE_LOG, job.ON_THE_TERMINAL = 0.0, 0.2
snakemake = SimpleNamespace(rule="train_network", wildcards=dict(dataset="mnist", seed="0"), log=[{log!r}], input=[], output=[],
                            params={{}}, config={{}})
with job.job(snakemake) as progress:
    bar = progress(total=40_000, initial=30_000, unit=" samples", unit_scale=True, bar_format="{{desc}}, {{rate_fmt}}, {{remaining}} left")
    for epoch in range(31, 41):
        time.sleep(0.05)
        bar.set_description_str(f"epoch {{epoch}} of 40, loss 0.5", refresh=False)
        bar.update(1000)
    for _ in progress(range(3), unit="layers"):
        pass
"""


def test_progress_goes_to_the_log_in_whole_lines_and_less_often_to_the_terminal(tmp_path):
    log = tmp_path / "logs" / "train.log"
    log.parent.mkdir()
    script = SCRIPT.format(scripts=str(REPOSITORY / "workflow" / "scripts"), log=str(log))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    lines = [line for line in log.read_text().splitlines() if line.startswith("epoch")]
    assert lines[-1].startswith("epoch 40 of 40, loss 0.5")
    rates = [
        float(match[1]) for line in lines[1:] if (match := re.search(r", ([\d.]+)k samples/s, 00:0\d left$", line))
    ]
    assert len(rates) == len(lines) - 1 >= 8
    assert max(rates) < 20  # 1,000 samples in 0.05 s or more: what was done before the restart does not count
    assert "3 of 3 layers" in log.read_text()
    told = done.stderr.splitlines()
    assert 1 <= len(told) <= 5
    assert all(line.startswith("train_network (dataset=mnist, seed=0): ") for line in told)
