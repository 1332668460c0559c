"""What a rule's script runs in."""

import subprocess
import sys
import time

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


def test_of_many_that_want_a_folder_one_at_a_time_has_it(tmp_path):
    script = SCRIPT.format(scripts=str(REPOSITORY / "workflow" / "scripts"))
    processes = [subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path) for _ in range(4)]
    until = time.monotonic() + 60
    assert [process.wait(until - time.monotonic()) for process in processes] == [0, 0, 0, 0]
    assert not list(tmp_path.glob("*.lock"))
