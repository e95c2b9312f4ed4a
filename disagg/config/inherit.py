"""`extends: base.yaml`: a file that says only what differs from another.

Files are merged as they were read, before any of it is parsed. Mappings merge key by key, lists and
scalars replace, `key: null` takes the inherited value away, and a mapping whose `kind` differs
replaces the one inherited: its keys are those of another kind.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from disagg.config.yaml_reader import Document, Loc, read
from disagg.errors import Problem

KEY = "extends"
"""The key at the top of a file that names its base."""
MOST_BASES = 8
"""Longest chain: a reader has to open every file of it."""
_SUFFIXES = (".yaml", ".yml")
_ANOTHER_KIND = ("Workload", "Fleet")

INHERITANCE_CODES: dict[str, tuple[str, str]] = {
    "DISAGG-EXT-001": (
        "`extends` does not name one file.",
        (
            "`extends: base.yaml` names one YAML file, relative to the one it stands in. There are"
            " no lists of bases: what comes from where would depend on their order. An absolute"
            " path means another file on another machine."
        ),
    ),
    "DISAGG-EXT-002": (
        "The base cannot be read.",
        "`extends` names a file relative to the one it stands in, not to where a verb is run.",
    ),
    "DISAGG-EXT-003": (
        "A file extends itself.",
        "Directly or through others; the files are named in the order they extend each other.",
    ),
    "DISAGG-EXT-004": (
        "The chain of bases is too long.",
        f"A chain has at most {MOST_BASES} bases, so that a person can still read it.",
    ),
    "DISAGG-EXT-005": (
        "The base is no environment.",
        (
            "A base holds keys of an environment file, some or all of them. A workload or fleet"
            " file, a list or plain text has none to inherit."
        ),
    ),
}


def inherited(document: Document) -> Document:
    """Return a document over what it extends; one that extends nothing is returned as it is.

    Every value keeps the file and line it was written at, so a problem names the right one. What
    is wrong with a base, or with the way to it, is among the problems, and `data` is None then.

    Args:
        document: A file that was read; its `file` says where relative bases are.
    """
    return _over_its_base(document, (Path(document.file),))


def read_inherited(path: Path) -> Document:
    """Return the whole of a file: what it says, over what it extends."""
    return inherited(read(path))


def extends(document: Document) -> bool:
    """Tell whether a document is of an environment and names a base."""
    data = document.data
    return isinstance(data, dict) and KEY in data and data.get("kind") not in _ANOTHER_KIND


def base_of(document: Document) -> Document:
    """Return what a document inherits, empty when it extends nothing."""
    if not extends(document):
        return Document(file=document.file, data={})
    return _read_base(document, (Path(document.file),)) or Document(file=document.file)


def chain(path: Path) -> list[str]:
    """Return the files that make up a sound file: itself, its base, the base of that."""
    files, document = [path.as_posix()], read(path)
    while extends(document):
        document = read(Path(document.file).parent / document.data[KEY])
        files.append(os.path.normpath(document.file))
    return files


def _over_its_base(document: Document, seen: tuple[Path, ...]) -> Document:
    if not extends(document):
        return document
    base = _read_base(document, seen)
    if base is None or base.data is None:
        problems = [*(base.problems if base else []), *document.problems]
        return Document(file=document.file, problems=problems)
    made = Document(file=document.file, problems=[*base.problems, *document.problems])
    made.bases = (base.file, *base.bases)
    made.data = merged(base.data, document.data)
    _places(made, base, document)
    del made.data[KEY]
    return made


def _read_base(document: Document, seen: tuple[Path, ...]) -> Document | None:
    """Return the base, over its own; None when it cannot be had, which the document then says."""
    path = _base_path(document)
    if path is None:
        return None
    if problem := _endless(document, path, seen):
        document.problems.append(problem)
        return None
    read_base = read(path)
    unreadable = [one for one in read_base.problems if one.code.startswith("DISAGG-FILE-00")]
    if unreadable and not unreadable[0].line:
        document.problems.append(
            document.problem(
                "DISAGG-EXT-002",
                (KEY,),
                got=f"{path.as_posix()}: {unreadable[0].got}",
                need="a readable file, named relative to this one",
                fix="correct the path, or remove `extends:`",
                key=True,
            )
        )
        return None
    base = _over_its_base(read_base, (*seen, path))
    if base.problems and base.data is None:
        return base
    kind = base.data.get("kind") if isinstance(base.data, dict) else None
    if not isinstance(base.data, dict) or kind in _ANOTHER_KIND:
        document.problems.append(_no_environment(document, path, kind))
        return None
    _point_from(base.data, path.parent, Path(document.file).parent)
    return base


def _base_path(document: Document) -> Path | None:
    named = document.data[KEY]
    sound = isinstance(named, str) and named.endswith(_SUFFIXES) and not Path(named).is_absolute()
    if sound and named.isprintable() and not named.startswith("~"):
        return Path(os.path.normpath(Path(document.file).parent / named))
    document.problems.append(
        document.problem(
            "DISAGG-EXT-001",
            (KEY,),
            got=f"got {_short(named)}",
            need="one YAML file, relative to this one",
            fix="write it as in extends: base.yaml",
            key=True,
        )
    )
    return None


def _endless(document: Document, path: Path, seen: tuple[Path, ...]) -> Problem | None:
    if path.resolve() in {one.resolve() for one in seen}:
        return document.problem(
            "DISAGG-EXT-003",
            (KEY,),
            got=" extends ".join(one.as_posix() for one in (*seen, path)),
            need="a chain that ends",
            fix="remove `extends:` from one of them",
            key=True,
        )
    if len(seen) > MOST_BASES:
        return document.problem(
            "DISAGG-EXT-004",
            (KEY,),
            got=f"{path.as_posix()} is base number {len(seen)} of {seen[0].as_posix()}",
            need=f"at most {MOST_BASES} bases in a row",
            fix="merge some of them into one file",
            key=True,
        )
    return None


def _no_environment(document: Document, path: Path, kind: Any) -> Problem:
    what = f"a {str(kind).lower()} file" if kind in _ANOTHER_KIND else "no mapping of keys"
    return document.problem(
        "DISAGG-EXT-005",
        (KEY,),
        got=f"{path.as_posix()} is {what}",
        need="an environment file, or part of one",
        fix="name another base",
        key=True,
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004


def _point_from(data: dict[str, Any], base: Path, child: Path) -> None:
    """Rewrite the paths in a base, so that they lead from the folder of the file that extends it.

    Why: a path is relative to the file it is written in (`results`).
    """
    results = data.get("results")
    if base.resolve() == child.resolve() or not isinstance(results, list):
        return
    for one in results:
        if isinstance(one, dict) and isinstance(one.get("file"), str):
            one["file"] = Path(os.path.relpath(base / one["file"], child)).as_posix()


def merged(base: Any, own: Any) -> Any:
    """Return plain data over other plain data, as `extends` merges them.

    Example:
        >>> merged({"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"c": [2]}, "d": None})
        {'a': {'b': 1, 'c': [2]}}
        >>> merged({"kind": "block", "end": "May"}, {"kind": "on_demand"})
        {'kind': 'on_demand'}
    """
    if not isinstance(own, dict):
        return own
    below = base if _merges(base, own) else {}
    out = {name: value for name, value in below.items() if name not in own}
    return out | {
        name: merged(below.get(name), value) for name, value in own.items() if value is not None
    }


def _merges(base: Any, own: dict[str, Any]) -> bool:
    return isinstance(base, dict) and (
        not {"kind"} <= base.keys() & own.keys() or base["kind"] == own["kind"]
    )


def _places(made: Document, base: Document, own: Document) -> None:
    """Note where everything in `made` was written; a key taken away stands where that is said."""
    made.keys, made.values = dict(own.keys), dict(own.values)
    for loc in _locs(made.data, ()):
        if loc in own.values:
            continue
        made.values[loc] = base.values[loc]
        made.files[loc] = base.files.get(loc, base.file)
        if loc in base.keys:
            made.keys[loc] = base.keys[loc]


def _locs(data: Any, loc: Loc) -> Iterator[Loc]:
    yield loc
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(data, dict):
        pairs = data.items()
    elif isinstance(data, list):
        pairs = enumerate(data)
    for name, value in pairs:
        yield from _locs(value, (*loc, name))
