"""What jobs cost: exact peaks of memory, and one row a job."""

import json
import re
import subprocess
import sys

import pandas as pd

from agop_dnc.pipeline import costs


def test_the_peak_is_what_the_process_really_held():
    """200 MB held for a moment are in the figure, however short they were held."""
    code = "import numpy; from agop_dnc.pipeline import costs as c; before = c.memory(); numpy.ones(25_000_000); print(before, c.memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(float, re.findall(r"'peak_memory_mb': ([\d.]+)", done.stdout))
    assert 195 < after - before < 210  # pages, and what numpy's allocator adds


def test_a_table_has_a_row_for_every_benchmark_file(tmp_path):
    folder = tmp_path / "benchmarks"
    (folder / "fit_deep_rfm").mkdir(parents=True)
    header = "s\th:m:s\tmax_rss\tcpu_time\n"
    (folder / "fit_deep_rfm" / "mnist_relu_0.tsv").write_text(f"{header}12.5\t0:00:12\t1.0\t11.0\n")
    (folder / "evaluate_claims.tsv").write_text(f"{header}0.5\t0:00:00\tNA\t0.4\n")
    (folder / "collect_costs.tsv").write_text(f"{header}0.1\t0:00:00\tNA\t0.1\n")  # of the run before
    costs.record(tmp_path / "logs" / "fit_deep_rfm" / "mnist_relu_0.log")
    table = costs.collect(folder)
    assert list(table.columns) == costs.COLUMNS
    assert table.rule.tolist() == ["evaluate_claims", "fit_deep_rfm"]
    assert table.job.tolist() == ["", "mnist_relu_0"]
    assert table.seconds.tolist() == [0.5, 12.5]
    assert pd.isna(table.peak_memory_mb[0])
    assert (
        table.peak_memory_mb[1] == json.loads((folder / "fit_deep_rfm/mnist_relu_0.json").read_text())["peak_memory_mb"]
    )


def test_a_run_leaves_what_each_of_its_jobs_cost(finished):
    table = pd.read_csv(finished / "results/test/tables/cost.csv")
    logs = {
        p.relative_to(finished / "results/test/logs").with_suffix("")
        for p in finished.glob("results/test/logs/**/*.log")
    }
    named = {path.as_posix() for path in logs} - {"collect_costs"}
    assert {f"{row.rule}/{row.job}" if isinstance(row.job, str) else row.rule for row in table.itertuples()} == named
    assert (table.seconds > 0).all()
    assert (table.peak_memory_mb > 50).all()
