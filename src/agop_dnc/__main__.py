"""The command `agop-dnc`: measure a network, run your own data, check and compare runs, run jobs without Snakemake."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from .commands import measure as measuring
from .errors import UserError
from .files import write_text
from .pipeline import comparison, provenance
from .studies import all as studies

REPOSITORY = Path(__file__).resolve().parents[2]
SHOWN = 10  # rows of a table that differ


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0 if everything is in order, 1 if something differs or fails, 2 for what cannot be done."""
    parser = argparse.ArgumentParser(prog="agop-dnc", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("verify", help="recompute the checksums of a finished run")
    check.add_argument("run", nargs="?", default="default", help="the run's name")
    check.add_argument("--directory", default=".", help="where it was run")
    both = commands.add_parser("compare", help="compare two runs' tables, cell by cell, within the declared tolerances")
    both.add_argument("first", help="a run's folder, as results/default, or one with its tables")
    both.add_argument("second", help="the other")
    export = commands.add_parser(
        "export-jobs", help="print the jobs that make a run's tables, as JSON; needs Snakemake"
    )
    export.add_argument(
        "--configfile", nargs="+", default=[], help="configuration files; the default run's if none is given"
    )
    export.add_argument("--directory", default=".", help="where the jobs are to be run, or an empty folder")
    run = commands.add_parser(
        "run-jobs", help="run an exported list of jobs, without Snakemake; the same command resumes"
    )
    run.add_argument("jobs", help="what export-jobs printed")
    run.add_argument("--directory", default=".", help="where results are left")
    whole = commands.add_parser(
        "reproduce",
        help="run the default configuration, or another one, and write its report; needs the pipeline extra",
    )
    whole.add_argument(
        "--configfile", nargs="+", default=[], help="configuration files, later ones layered over earlier ones"
    )
    whole.add_argument("--directory", default=".", help="where results and figures are left")
    whole.add_argument("--cores", default="all", help="how many jobs run at once")
    mine = commands.add_parser(
        "mine", help="make every figure and verdict for data of your own; needs the pipeline extra"
    )
    mine.add_argument("files", nargs="+", help="npz files: x_train, y_train and, if you have them, x_test, y_test")
    mine.add_argument("--name", help="the run's name; after the first file if not given")
    mine.add_argument("--directory", default=".", help="where results and figures are left")
    mine.add_argument("--cores", default="all", help="how many jobs run at once")
    network = commands.add_parser(
        "measure", help="measure collapse and the Neural Feature Ansatz in a trained network of your own"
    )
    measuring.add_arguments(network)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "measure":
            return measuring.run(chosen)
        if chosen.command == "reproduce":
            return reproduce(chosen.configfile, Path(chosen.directory), chosen.cores)
        if chosen.command == "mine":
            return run_mine(chosen.files, chosen.name, Path(chosen.directory), chosen.cores)
        if chosen.command == "verify":
            return verify(chosen.run, Path(chosen.directory))
        if chosen.command == "compare":
            return compare(chosen.first, chosen.second)
        if chosen.command == "export-jobs":
            return export_jobs(chosen.configfile, Path(chosen.directory))
        return run_jobs(Path(chosen.jobs), Path(chosen.directory))
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def verify(run: str, base: Path) -> int:
    """Print which files of a run differ from their records, and why."""
    folders = [base / kind / run for kind in ("results", "figures")]
    records = sum(1 for folder in folders for _ in folder.rglob("provenance/*.json"))
    if not records:
        raise UserError(f"there is no finished run '{run}' in {base}; run the workflow first, or name another")
    wrong = list(provenance.verify(folders, REPOSITORY, base))
    for file, why in wrong:
        print(f"{file} {why}")
    files = len({file for file, _ in wrong})
    print(f"{records} files recorded, {files} of them differ" if files else f"{records} files, all as recorded")
    return 1 if wrong else 0


def compare(first: str, second: str) -> int:
    """Print which cells of two runs' tables differ by more than their tolerance."""
    try:
        results = list(comparison.compare(first, second, studies.tables()))
    except FileNotFoundError as error:
        raise UserError(str(error)) from error
    for result in results:
        print(f"{result.table}: {result.cells:,} cells, {len(result.outside):,} rows outside the tolerance")
        if len(result.outside):
            print(result.outside.head(SHOWN).to_string(index=False))
    return 1 if any(len(result.outside) for result in results) else 0


def export_jobs(configfiles: list[str], directory: Path) -> int:
    """Print the jobs that make all tables of a configuration, with the configuration, as JSON."""
    from .pipeline import job_list
    from .pipeline.config import plain

    files = [Path(file).resolve() for file in configfiles]
    config = studies.load(files or [REPOSITORY / "config.yaml"])
    targets = [f"results/{config.run}/tables/{name}.csv" for name in studies.parts(config)]
    directory.mkdir(parents=True, exist_ok=True)
    jobs = job_list.export(REPOSITORY / "Snakefile", files, targets, directory)
    print(json.dumps({"config": plain(config), "jobs": jobs}, ensure_ascii=False))
    return 0


def reproduce(configfiles: list[str], directory: Path, cores: str) -> int:
    """Run the default configuration, or that of files, and write its report."""
    files = [str(Path(file).resolve()) for file in configfiles]
    config = studies.load(files or [REPOSITORY / "config.yaml"])
    return run_workflow(config.run, directory, cores, ["--configfile", *files] if files else [])


def run_mine(files: list[str], name: str | None, directory: Path, cores: str) -> int:
    """Run the workflow on files of a user's own, write the report, and print where everything is and the verdicts."""
    import yaml

    from .pipeline import own_data

    content = own_data.configuration(files, REPOSITORY / "examples" / "own_data.yaml", name)
    run = content["run"]
    directory.mkdir(parents=True, exist_ok=True)
    settings = directory / f"{run}.yaml"
    if settings.exists():
        own_data.check_same_data(settings, content)
    else:
        write_text(
            settings,
            "# Change what you like and run the same command again; docs/configuration.md explains every key.\n"
            + yaml.safe_dump(content, sort_keys=False, allow_unicode=True),
        )
    if code := run_workflow(run, directory, cores, ["--configfile", str(settings.resolve())]):
        return code
    print(f"Settings: {settings}")
    return 0


def run_workflow(run: str, directory: Path, cores: str, options: list[str]) -> int:
    """Run the workflow and write the report; print the verdicts and where everything is, or which command failed.

    Args:
        run: The run's name.
        directory: Where results and figures are left.
        cores: How many jobs run at once.
        options: Further options of Snakemake.

    Returns:
        0, or the exit status of Snakemake.
    """
    from .pipeline import tables

    directory.mkdir(parents=True, exist_ok=True)
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    snakemake += ["--directory", str(directory), *options]
    report = Path("results", run, "report.html")
    for step in (["--cores", cores], ["--report", str(report)]):
        if code := subprocess.run([*snakemake, *step]).returncode:
            print(
                f"Error: the run '{run}' did not end; the reason stands above, and the same command resumes",
                file=sys.stderr,
            )
            return code
    claims = directory / "results" / run / "tables" / "claims.csv"
    if claims.exists():
        print(tables.read(claims).fillna("")[["claim", "dataset", "model", "verdict"]].to_string(index=False))
    print(f"Report: {directory / report}; figures: {directory / 'figures' / run}")
    return 0


def run_jobs(path: Path, directory: Path) -> int:
    """Run an exported list of jobs and print how many failed."""
    from .pipeline import job_list

    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        jobs, config = listed["jobs"], listed["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no list of jobs ({error}); make one with agop-dnc export-jobs") from error
    directory.mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    failed = job_list.run(jobs, config, REPOSITORY)
    if failed:
        print(f"{failed} jobs failed; each says above what is wrong, and its log says more", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
