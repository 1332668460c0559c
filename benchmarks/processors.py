"""Write how the verdicts of two runs of one configuration on different processors differ, to processors.csv.

    .venv/bin/python benchmarks/processors.py "AMD family 26" results/showcase/default "Intel family 6" elsewhere/results/default

Both runs have `instructions: avx2`; that of the showcase was made on the first.
"""

import argparse
from pathlib import Path

import pandas as pd

ABOUT = ["claim", "dataset", "model"]
SHOWN = ["verdict", "measured"]


def main() -> None:
    """Join the verdicts of the two runs, and write those that differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    for argument in ("first", "first_run", "second", "second_run"):
        parser.add_argument(argument)
    given = parser.parse_args()
    one, other = (
        pd.read_csv(Path(run, "tables", "claims.csv"), keep_default_na=False)[ABOUT + SHOWN]
        for run in (given.first_run, given.second_run)
    )
    suffixes = (f", {given.first}", f", {given.second}")
    both = one.merge(other, on=ABOUT, suffixes=suffixes, validate="one_to_one")
    differ = both[both[f"verdict{suffixes[0]}"] != both[f"verdict{suffixes[1]}"]]
    differ.to_csv(Path(__file__).with_suffix(".csv"), index=False)
    print(f"{len(differ)} of {len(both)} verdicts differ")


if __name__ == "__main__":
    main()
