"""`python -m agop_dnc verify` and `compare`: is a finished run what its records say, and do two runs agree?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .pipeline import comparison, provenance
from .studies import all as studies

REPOSITORY = Path(__file__).resolve().parents[2]
SHOWN = 10  # rows of a table that differ


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 0 where everything is as it should be, 1 where something differs, 2 for what cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m agop_dnc", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("verify", help="recompute the checksums of a finished run")
    check.add_argument("run", nargs="?", default="default", help="the run's name")
    check.add_argument("--directory", default=".", help="where it was run")
    both = commands.add_parser("compare", help="compare two runs' tables, cell by cell, within stated tolerances")
    both.add_argument("first", help="a run's folder, as results/default, or one with its tables")
    both.add_argument("second", help="the other")
    chosen = parser.parse_args(arguments)
    if chosen.command == "verify":
        return verify(chosen.run, Path(chosen.directory))
    return compare(chosen.first, chosen.second)


def verify(run: str, base: Path) -> int:
    """Say which files of a run differ from their records, and why."""
    folders = [base / kind / run for kind in ("results", "figures")]
    records = sum(1 for folder in folders for _ in folder.rglob("provenance/*.json"))
    if not records:
        print(
            f"Error: there is no finished run '{run}' in {base}; run the workflow first, or name another",
            file=sys.stderr,
        )
        return 2
    wrong = list(provenance.verify(folders, REPOSITORY, base))
    for file, why in wrong:
        print(f"{file} {why}")
    files = len({file for file, _ in wrong})
    print(f"{records} files recorded, {files} of them differ" if files else f"{records} files, all as recorded")
    return 1 if wrong else 0


def compare(first: str, second: str) -> int:
    """Say which cells of two runs' tables differ by more than their tolerance."""
    try:
        results = list(comparison.compare(first, second, studies.tables()))
    except FileNotFoundError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    for result in results:
        print(f"{result.table}: {result.cells:,} cells, {len(result.outside):,} rows outside the tolerance")
        if len(result.outside):
            print(result.outside.head(SHOWN).to_string(index=False))
    return 1 if any(len(result.outside) for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
