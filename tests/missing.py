"""A package that is not installed, as a verb meets it."""

import importlib
import sys

import pytest


def without(monkeypatch: pytest.MonkeyPatch, package: str, *, asked_for_by: str) -> None:
    """Make `package` unfindable and what `asked_for_by` holds imported anew, until the test ends.

    Why the parent's attribute too: an import sets it, and undoing `sys.modules` alone would leave
    the whole run with two modules of one name.
    """
    parent, _, name = asked_for_by.rpartition(".")
    monkeypatch.setattr(
        importlib.import_module(parent), name, importlib.import_module(asked_for_by)
    )
    for loaded in list(sys.modules):
        if loaded.split(".")[0] == package or f"{loaded}.".startswith(f"{asked_for_by}."):
            monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, package, None)
