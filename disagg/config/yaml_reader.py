"""YAML 1.2 text as plain data, with the line and column of every key and value.

ruamel.yaml composes the node graph; the walk below builds plain values, so it also owns duplicate
keys, the budget against alias bombs, depth, tags and non-finite numbers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from disagg.errors import Problem

MAX_FILE_BYTES = 1024 * 1024
MAX_VALUES = 20_000
MAX_DEPTH = 40
LONGEST_GOT = 300

Loc = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_TAGS = {_TAG + t for t in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")}


@dataclass(slots=True)
class Document:
    """One parsed file: data, positions, and the problems of its form."""

    file: str
    data: Any = None
    keys: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    values: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    files: dict[Loc, str] = field(default_factory=dict)
    """Where a value was inherited from, for those that stand in another file than this one."""
    bases: tuple[str, ...] = ()
    """Files it is over: its base, the base of that, and so on."""
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def position(self, loc: Loc, *, key: bool = False) -> tuple[int, int]:
        """Return line and column [1-based] of `loc`, or of its longest ancestor in the file."""
        return self._position(self._written(loc), key=key)

    def origin(self, loc: Loc) -> tuple[str, int]:
        """Return file and line [1-based] where `loc`, or its longest ancestor, was written."""
        known = self._written(loc)
        return self.files.get(known, self.file), self._position(known)[0]

    def latest(self, locs: Sequence[Loc]) -> Loc:
        """Return the one of `locs` that is written nearest to this file; the first of equals.

        Of values that are wrong together, the file that extends the others said its own last.
        """
        said = [one for one in locs if one in self.values] or locs
        order = (self.file, *self.bases)
        return min(said, key=lambda one: order.index(self.origin(one)[0]))

    def _written(self, loc: Loc) -> Loc:
        known: Loc = ()
        for part in loc:
            if (*known, part) not in self.values:
                break
            known = (*known, part)
        return known

    def _position(self, known: Loc, *, key: bool = False) -> tuple[int, int]:
        table = self.keys if key and known in self.keys else self.values
        return table.get(known, (1, 1))

    def problem(
        self, code: str, loc: Loc, *, got: str, need: str, fix: str, key: bool = False
    ) -> Problem:
        """Return a problem placed at `loc`, in the file it was written in.

        What no file says is missing in this one, whatever it inherits.
        """
        known = self._written(loc)
        while known != loc and known in self.files:
            known = known[:-1]
        line, column = self._position(known, key=key)
        return Problem(
            code=code,
            file=self.files.get(known, self.file),
            line=line,
            column=column,
            path=dotted(loc),
            got=got if len(got) <= LONGEST_GOT else f"{got[:LONGEST_GOT]}...",
            need=need,
            fix=fix,
        )


class _RefusedError(Exception):
    """The node graph cannot become plain data."""

    def __init__(self, node: Node, got: str, need: str, fix: str) -> None:
        self.mark, self.got, self.need, self.fix = node.start_mark, got, need, fix
        super().__init__(got)


def dotted(loc: Loc) -> str:
    """Return `("a", 0, "b")` as `a[0].b`.

    Example:
        >>> dotted(("network", "availability_zone_ids", 1))
        'network.availability_zone_ids[1]'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")


def read(path: Path) -> Document:
    """Return the parsed file; nothing is raised, what is wrong is in its `problems`."""
    document = Document(file=path.as_posix())
    text = _text(path, document)
    if text is not None:
        _compose(text, document)
    return document


def read_text(text: str, file: str) -> Document:
    """Return the parsed text, as if it stood in `file`."""
    document = Document(file=file)
    _compose(text, document)
    return document


def _text(path: Path, document: Document) -> str | None:
    def refuse(code: str, got: str, need: str, fix: str) -> None:
        document.problems.append(
            Problem(code=code, file=document.file, path="", got=got, need=need, fix=fix)
        )

    try:
        if path.is_dir():
            refuse("DISAGG-FILE-002", "got a directory", "one file", "name a file in it")
            return None
        if not path.exists():
            refuse(
                "DISAGG-FILE-001",
                "no such file",
                "an environment or workload file",
                "check the path, or write one: disagg init",
            )
            return None
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        # Why both: a name can be too long for the system, or hold a byte that no name has.
        why = error.strerror if isinstance(error, OSError) else error
        refuse(
            "DISAGG-FILE-003",
            f"cannot be read: {why}",
            "a readable file",
            "check its permissions",
        )
        return None
    if len(raw) > MAX_FILE_BYTES:
        refuse(
            "DISAGG-FILE-004",
            "the file is larger",
            f"at most {MAX_FILE_BYTES:,}",
            "is it an environment file?",
        )
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        document.problems.append(
            Problem(
                code="DISAGG-FILE-005",
                file=document.file,
                line=line,
                column=1,
                path="",
                got=f"byte 0x{raw[error.start]:02x} is not UTF-8",
                need="UTF-8 text",
                fix="save the file as UTF-8",
            )
        )
        return None


def _compose(text: str, document: Document) -> None:
    try:
        node = YAML(typ="safe", pure=True).compose(text)
        if node is None or str(node.tag) == f"{_TAG}null":
            got = "the file is empty"
            _refuse(
                document, "DISAGG-YAML-003", None, got=got, need="an environment", fix="disagg init"
            )
        else:
            document.data = _walk(document, node, ())
    except _RefusedError as error:
        code, mark = "DISAGG-YAML-004", error.mark
        _refuse(document, code, mark, got=error.got, need=error.need, fix=error.fix)
    except RecursionError:
        need = f"at most {MAX_DEPTH} levels"
        _refuse(
            document, "DISAGG-YAML-004", None, got="nested too deep", need=need, fix="flatten it"
        )
    except MarkedYAMLError as error:
        _refuse_syntax(document, error)
    except ReaderError as error:
        line = text.count("\n", 0, error.position)
        got, mark = (
            f"character #x{int(error.character):04x}",
            SimpleNamespace(line=line, column=0),
        )
        _refuse(document, "DISAGG-YAML-001", mark, got=got, need="printable text", fix="remove it")
    # Why an assertion: ruamel.yaml's answer to a version such as %YAML 1.3.
    except (YAMLError, ValueError, AssertionError) as error:
        got = " ".join(str(error).split())[:200]
        _refuse(document, "DISAGG-YAML-001", None, got=got, need="YAML 1.2", fix="correct the YAML")


def _refuse_syntax(document: Document, error: MarkedYAMLError) -> None:
    mark = error.problem_mark or error.context_mark
    if "single document" in str(error.context):
        got, fix = "a second document starts here", "put each environment in its own file"
        _refuse(document, "DISAGG-YAML-002", mark, got=got, need="one document", fix=fix)
        return
    got = " ".join(str(error.problem or error.context).split())
    fix = "use spaces, not tabs" if "\\t" in got else "correct the YAML here"
    _refuse(document, "DISAGG-YAML-001", mark, got=got, need="YAML 1.2", fix=fix)


def _refuse(document: Document, code: str, mark: Any, *, got: str, need: str, fix: str) -> None:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    document.data = None
    document.problems.append(
        Problem(
            code=code,
            file=document.file,
            line=line,
            column=column,
            path="",
            got=got,
            need=need,
            fix=fix,
        )
    )


def _walk(document: Document, node: Node, loc: Loc) -> Any:
    document.count += 1
    if document.count > MAX_VALUES:
        got = f"more than {MAX_VALUES:,} values, aliases expanded"
        raise _RefusedError(
            node, got, "an environment or workload file", "remove the nested aliases"
        )
    if len(loc) > MAX_DEPTH:
        raise _RefusedError(node, "nested too deep", f"at most {MAX_DEPTH} levels", "flatten it")
    if str(node.tag) not in _TAGS:
        raise _RefusedError(node, f"tag {node.tag}", "plain values", "remove the tag")
    document.values[loc] = _mark(node)
    if isinstance(node, ScalarNode):
        return _scalar(node)
    if isinstance(node, SequenceNode):
        return [_walk(document, item, (*loc, index)) for index, item in enumerate(node.value)]
    return _mapping(document, node, loc)


def _mapping(document: Document, node: Node, loc: Loc) -> dict[str, Any]:
    out: dict[str, Any] = {}
    merged: list[tuple[Node, Node]] = []
    for key, value in node.value:
        if str(key.tag) == _TAG + "merge":
            merged += _merge_pairs(value)
            continue
        name, here = _key(key), _mark(key)
        if name in out:
            first = document.keys[(*loc, name)][0]
            document.problems.append(
                Problem(
                    code="DISAGG-YAML-005",
                    file=document.file,
                    line=here[0],
                    column=here[1],
                    path=dotted((*loc, name)),
                    got=f"duplicate key, first used at line {first}",
                    need="each key once",
                    fix="remove one of them",
                )
            )
            continue
        document.keys[(*loc, name)] = here
        out[name] = _walk(document, value, (*loc, name))
    for key, value in merged:
        name = _key(key)
        if name not in out:
            document.keys[(*loc, name)] = _mark(key)
            out[name] = _walk(document, value, (*loc, name))
    return out


def _key(node: Node) -> str:
    if not isinstance(node, ScalarNode):
        raise _RefusedError(node, "a key that is not text", "a plain key", "write `name: value`")
    return _encodable(node, node.value)


def _encodable(node: Node, text: str) -> str:
    """Return a text that can be written to a file, which half of an escaped pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        got = "half of a surrogate pair"
        raise _RefusedError(node, got, "whole characters", "write the character itself") from None
    return text


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _merge_pairs(value: Node, depth: int = 0) -> list[tuple[Node, Node]]:
    """Return the pairs that `<<` brings in; a mapping merged in may merge others itself."""
    sources = value.value if isinstance(value, SequenceNode) else [value]
    own: list[tuple[Node, Node]] = []
    inherited: list[tuple[Node, Node]] = []
    for source in sources:
        if not isinstance(source, MappingNode) or depth > MAX_DEPTH:
            got = "`<<` merges something that is not a mapping"
            raise _RefusedError(source, got, "a mapping", "merge an anchor")
        for key, inner in source.value:
            if str(key.tag) == _TAG + "merge":
                inherited += _merge_pairs(inner, depth + 1)
            else:
                own.append((key, inner))
    return own + inherited


def _scalar(node: ScalarNode) -> Any:
    tag, text = str(node.tag).removeprefix(_TAG), node.value
    if tag in {"str", "timestamp"}:
        return _encodable(node, text)
    try:
        value = _READERS[tag](text.lower())
    except (KeyError, ValueError):
        got = f"{text[:40]!r} is no {tag}"
        raise _RefusedError(node, got, "a plain value", "correct it") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise _RefusedError(
            node, f"{text} is not a finite number", "a finite number", "write a number"
        )
    return value


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    return int(digits, 0 if digits.lstrip("+-")[:2] in {"0x", "0o", "0b"} else 10)


def _float(text: str) -> float:
    return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))


_READERS: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": {"true": True, "false": False}.__getitem__,
    "int": _integer,
    "float": _float,
}
