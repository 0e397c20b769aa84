"""Every benchmark, one after the other, each in a process of its own so that none warms another up.

    python -m benchmarks [--data FOLDER]

FOLDER is a MovieLens folder; without it the import is left out and fold-in is measured on made-up data.
"""

import argparse
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run them all; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--data", type=Path, help="a MovieLens folder")
    data = parser.parse_args().data
    folder = [] if data is None else ["--data", str(data)]
    runs = [
        ["benchmarks.fold_in", *folder],
        ["benchmarks.start_up"],
        ["benchmarks.live_updates"],
        ["benchmarks.sockets"],
        ["benchmarks.http_api"],
        ["benchmarks.protection"],
        ["benchmarks.forgetting"],
        ["benchmarks.whole_requests"],
        ["benchmarks.replay"],
        ["benchmarks.withdrawal"],
        ["benchmarks.training"],
        ["benchmarks.experiments"],
    ]
    if folder:
        runs.append(["benchmarks.import_rows", *folder])
    statuses = [subprocess.run([sys.executable, "-m", *run], check=False).returncode for run in runs]
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main())
