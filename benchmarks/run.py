"""What `make bench` runs: every benchmark in one process each, so that peaks of memory do not mix."""

import argparse
import subprocess
import sys
from pathlib import Path

PARTS = ["deep_rfm", "networks", "rfm"]

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"which of {', '.join(PARTS)}; all if none is named")
    for part in parser.parse_args().parts:
        subprocess.run([sys.executable, Path(__file__).with_name(f"{part}.py")], check=True)
