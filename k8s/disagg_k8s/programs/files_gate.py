"""End well when every file the loader listed is in a directory, at its size.

    python3 files_gate.py DIRECTORY

A file system shows what was put into its bucket a little later, each file for itself; a server that
starts meanwhile would load a part of its model.
"""

import json
import sys
from pathlib import Path

LIST = "disagg-files.json"


def missing(place: Path) -> list[str]:
    """Return what the directory lacks, in words; empty when the model is whole."""
    try:
        listed = json.loads((place / LIST).read_text("utf-8"))
    except FileNotFoundError:
        return [f"{LIST} is not there: the Job that loads the model has not finished"]
    found = [(one, _size(place / one["name"])) for one in listed["files"]]
    return [
        f"{one['name']}: {size} of {one['size']} B" for one, size in found if size != one["size"]
    ]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def main(place: str) -> int:
    """Say what is missing, and return the exit code."""
    lacks = missing(Path(place))
    for line in lacks or ["whole"]:
        print(f"weights gate: {place}: {line}", flush=True)
    return 1 if lacks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
