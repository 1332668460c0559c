"""The paper's scale on a GPU: run each configuration of benchmarks/paper_scale without Snakemake, and print what its jobs cost as Markdown.

Start it in a folder in which `data/` has torchvision's copy of MNIST, and `cifar10.npz` CIFAR-10 (x_train, y_train, x_test, y_test); all goes into
that folder. A run that was stopped goes on with the same command. For what does not fit the time, lower `epochs` in a copy of the
configuration: the table says seconds an epoch.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parent / "workflow" / "without_snakemake.py"


def table(run: str, epochs: dict[str, int]) -> str:
    """A Markdown table of a run's jobs that models ran in."""
    cost = pd.read_csv(Path("results", run, "tables", "cost.csv"))
    cost = cost[cost.rule.isin(["fit_deep_rfm", "train_network", "measure_network", "ablate_network"])]
    lines = [
        "| rule | job | seconds | seconds an epoch | memory, GB | of the GPU, GB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in cost.itertuples():
        passes = [count for name, count in epochs.items() if f"_{name}_" in row.job and row.rule == "train_network"]
        each = f"{row.seconds / passes[0]:.2f}" if passes else ""
        memory = f"{row.peak_memory_mb / 1000:.1f} | {row.gpu_peak_memory_mb / 1000:.1f}"
        lines.append(f"| {row.rule} | {row.job} | {row.seconds:.1f} | {each} | {memory} |")
    return "\n".join(lines)


def made_with(run: str) -> str:
    """Device, versions and commit, from the records of the run's models."""
    records = [
        json.loads(path.read_text(encoding="utf-8"))
        for part in ("deep_rfm", "networks")
        for path in sorted(Path("results", run, part).rglob("provenance/*.json"))
    ]
    devices = ", ".join(sorted({record["device"] for record in records}))
    versions = records[0]["versions"]
    commit = records[0]["repository"]["commit"] or "unknown"
    return f"{devices}; Python {versions['python']}, PyTorch {versions['torch']}; commit {commit[:12]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = sorted((HERE / "paper_scale").glob("*.yaml"))
    parser.add_argument(
        "configurations", nargs="*", type=Path, default=known, help="all of benchmarks/paper_scale if none is named"
    )
    codes = 0
    for file in parser.parse_args().configurations:
        codes |= subprocess.run([sys.executable, SCRIPT, file], stdout=sys.stderr).returncode
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        kinds = config.get("networks", {}).get("architectures", {})
        epochs = {name: settings["epochs"] for name, settings in kinds.items() if "epochs" in (settings or {})}
        print(f"\n## {config['run']}\n\n{made_with(config['run'])}\n\n{table(config['run'], epochs)}", flush=True)
    sys.exit(codes)


if __name__ == "__main__":
    main()
