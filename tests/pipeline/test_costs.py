"""What jobs cost: exact peaks of memory, the processor time of children too, and one row per job."""

import json
import re
import subprocess
import sys
import time

import pandas as pd

from agop_dnc.pipeline import costs


def test_peak_memory_is_what_the_process_held():
    """200 MB held for a moment are in the figure, however short they were held."""
    code = "import numpy; from agop_dnc.pipeline import costs as c; before = c.memory(); numpy.ones(25_000_000); print(before, c.memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(float, re.findall(r"'peak_memory_mb': ([\d.]+)", done.stdout))
    assert 195 < after - before < 210  # pages, and what numpy's allocator adds


BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
PARENT = """
import json, subprocess, sys, time
from agop_dnc.pipeline import costs
before = costs.times()
subprocess.run([sys.executable, "-c", {child!r}], check=True)
between = costs.times()
begun = time.process_time()
while time.process_time() < begun + 0.5: pass
print(json.dumps([before, between, costs.times()]))
"""


def test_processor_time_is_the_processs_own_and_its_childrens():
    """A child burns a second and this process half of one, measured by the clock of each."""
    code = PARENT.format(child=BURN.format(seconds=1.0))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, between, after = json.loads(done.stdout)
    # The system counts in hundredths of a second; starting and ending a child take some hundredths more.
    assert 0.98 <= between["cpu_seconds"] - before["cpu_seconds"] < 1.4
    assert 0.48 <= after["cpu_seconds"] - between["cpu_seconds"] < 0.6
    assert after["seconds"] >= before["seconds"] + 1.48


def test_seconds_count_from_the_start_of_the_process():
    code = "import time; time.sleep(0.5)\nfrom agop_dnc.pipeline import costs; print(costs.times()['seconds'], time.time())"
    before = time.time()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    told, after = map(float, done.stdout.split())
    assert 0.5 <= told < after - before + 0.05  # ticks of a hundredth


def test_table_has_a_row_for_every_account(tmp_path):
    costs.record(tmp_path / "logs" / "fit_deep_rfm" / "mnist_relu_0.log")
    costs.record(tmp_path / "logs" / "evaluate_claims.log")
    costs.record(tmp_path / "logs" / "collect_costs.log")  # of the run before
    table = costs.collect(tmp_path / "costs")
    assert list(table.columns) == list(costs.COLUMNS)
    assert table.rule.tolist() == ["evaluate_claims", "fit_deep_rfm"]
    assert table.job.tolist() == ["", "mnist_relu_0"]
    account = json.loads((tmp_path / "costs" / "fit_deep_rfm" / "mnist_relu_0.json").read_text())
    assert table.iloc[1].to_dict() == {"rule": "fit_deep_rfm", "job": "mnist_relu_0"} | account
    assert (table.seconds > 0).all()


def test_table_of_a_run_without_accounts_is_empty(tmp_path):
    table = costs.collect(tmp_path / "costs")
    assert list(table.columns) == list(costs.COLUMNS)
    assert table.empty


def test_run_leaves_what_each_of_its_jobs_cost(finished):
    table = pd.read_csv(finished / "results/test/tables/cost.csv")
    logs = {
        p.relative_to(finished / "results/test/logs").with_suffix("")
        for p in finished.glob("results/test/logs/**/*.log")
    }
    named = {path.as_posix() for path in logs} - {"collect_costs"}
    assert {f"{row.rule}/{row.job}" if isinstance(row.job, str) else row.rule for row in table.itertuples()} == named
    assert (table.seconds > 0).all()
    assert (table.cpu_seconds > 0).all()
    assert (table.peak_memory_mb > 50).all()
    assert not list(finished.glob("results/test/benchmarks"))


def test_processes_that_worked_for_a_job_without_being_its_children_count(tmp_path):
    """As a notebook's kernel, which is started from the run's own process."""
    others = tmp_path / "others"
    others.write_text('{"cpu_seconds": 100.0, "peak_memory": 1}\n{"cpu_seconds": 50.0, "peak_memory": 9e9}\n')
    costs.record(tmp_path / "logs" / "render_figure" / "figure_03.log", others)
    account = json.loads((tmp_path / "costs" / "render_figure" / "figure_03.json").read_text())
    assert 150 < account["cpu_seconds"] < 151 + costs.times()["cpu_seconds"]
    assert account["peak_memory_mb"] > 9e6
    assert not others.exists()
