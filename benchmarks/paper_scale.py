"""The paper's scale on a GPU: run exported lists of jobs without Snakemake, and print what the jobs cost as Markdown.

First, where Snakemake is: `agop-dnc export-jobs --configfile benchmarks/paper_scale/mlp_mnist.yaml --directory D > mlp_mnist.jobs.json`,
for each configuration. Then, in a folder in which `data/` has torchvision's copy of MNIST, and `cifar10.npz` CIFAR-10 (x_train, y_train,
x_test, y_test): `python benchmarks/paper_scale.py *.jobs.json`. All results go into that folder, and a run that was stopped resumes with
the same command. For what does not fit the time, lower `epochs` in a copy of the configuration: the table says seconds per epoch.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd


def table(run: str, epochs: dict[str, int]) -> str:
    """A Markdown table of a run's jobs that models ran in."""
    cost = pd.read_csv(Path("results", run, "tables", "cost.csv"))
    cost = cost[cost.rule.isin(["fit_deep_rfm", "fit_deep_rfm_and_gram", "train_network", "measure_network"])]
    lines = [
        "| rule | job | seconds | seconds per epoch | memory, GB | of the GPU, GB |",
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
    """Run the lists that are named, each as a run of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", nargs="+", type=Path, help="what agop-dnc export-jobs printed")
    codes = 0
    for file in parser.parse_args().lists:
        codes |= subprocess.run([sys.executable, "-m", "agop_dnc", "run-jobs", file], stdout=sys.stderr).returncode
        config = json.loads(file.read_text(encoding="utf-8"))["config"]
        kinds = config["networks"]["architectures"]
        epochs = {name: settings["epochs"] for name, settings in kinds.items()}
        print(f"\n## {config['run']}\n\n{made_with(config['run'])}\n\n{table(config['run'], epochs)}", flush=True)
    sys.exit(codes)


if __name__ == "__main__":
    main()
