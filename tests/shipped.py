"""Environments for tests: the shipped files, with single values changed by dotted path."""

from pathlib import Path
from typing import Any

import yaml

from disagg.checks.environment import Checked, check
from disagg.config.yaml_reader import read_text

ENVIRONMENTS = Path(__file__).resolve().parent.parent / "environments"
REMOVE = object()


def edited(name: str, edits: dict[str, Any]) -> str:
    """Return the text of a shipped environment with values set (or removed) by dotted path."""
    data = yaml.safe_load((ENVIRONMENTS / f"{name}.yaml").read_text("utf-8"))
    for path, value in edits.items():
        *parents, last = path.split(".")
        at = data
        for part in parents:
            at = at.setdefault(part, {})
        if value is REMOVE:
            del at[last]
        else:
            at[last] = value
    return yaml.safe_dump(data, sort_keys=False)


def checked(name: str = "pilot", **edits: Any) -> Checked:
    """Return the checked environment; keywords use `__` for dots."""
    paths = {key.replace("__", "."): value for key, value in edits.items()}
    return check(read_text(edited(name, paths), f"{name}.yaml"))
