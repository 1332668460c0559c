"""The context that a rule's script runs in."""

import subprocess
import sys
import time

import pytest
from conftest import REPOSITORY

SCRIPT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {scripts!r})
from job import alone
for _ in range(20):
    with alone(Path("state")):
        inside = Path("inside")
        inside.touch(exist_ok=False)  # nobody else is here
        time.sleep(0.005)
        inside.unlink()
"""


def test_folder_is_held_by_one_process_at_a_time(tmp_path):
    script = SCRIPT.format(scripts=str(REPOSITORY / "workflow" / "scripts"))
    processes = [subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path) for _ in range(4)]
    until = time.monotonic() + 60
    assert [process.wait(until - time.monotonic()) for process in processes] == [0, 0, 0, 0]
    assert not list(tmp_path.glob("*.lock"))


FAILING = """
import sys
from types import SimpleNamespace
sys.path.insert(0, {scripts!r})
from job import job
snakemake = SimpleNamespace(rule="train_network", wildcards=dict(dataset="cifar10"), log=["log"], input=[], output=[], params={{}}, config={{}})
with job(snakemake):
    {failure}
"""


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (
            "import torch; raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 9.31 GiB. GPU 0 has a total ...')",
            "the memory is full (CUDA out of memory. Tried to allocate 9.31 GiB); use a smaller n, or another GPU, or device: cpu",
        ),
        ("raise OSError(28, 'No space left on device')", "the disk is full; make room and run the same command again"),
        ("raise KeyError('nc9')", "KeyError: 'nc9'"),
    ],
)
def test_failure_is_one_line_on_the_terminal_and_a_traceback_in_the_log(tmp_path, failure, reason):
    script = FAILING.format(scripts=str(REPOSITORY / "workflow" / "scripts"), failure=failure)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"Error: train_network (dataset=cifar10): {reason} [log: log]\n"
    assert "Traceback" in (tmp_path / "log").read_text()
