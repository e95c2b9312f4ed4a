"""The whole of an environment, defaults and all, with the place each value came from."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from disagg.config.environment import Environment
from disagg.config.yaml_reader import Document, Loc, dotted

DEFAULT = "default"
"""Where a value came from that no file says."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_/.-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
"""Plain words that some parser of YAML does not take for text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One value of an environment: a scalar, or a list as a whole."""

    at: Loc
    value: Any
    """Plain data."""
    file: str = ""
    """File that says it; empty: none does, it is the default."""
    line: int = 0

    @property
    def path(self) -> str:
        """The key as problems name it."""
        return dotted(self.at)

    @property
    def origin(self) -> str:
        """`file:line`, or `default`."""
        return f"{self.file}:{self.line}" if self.file else DEFAULT


def settings(environment: Environment, document: Document) -> list[Setting]:
    """Return every value of an environment in the order of the schema, and where it was written.

    Args:
        environment: What `document` was parsed to.
        document: The file over what it extends.
    """
    data = asdict(environment)
    if hyperpod := environment.cluster.on_hyperpod:
        # Why: a section that is not said still means its defaults, once the platform is its own.
        data["cluster"]["hyperpod"] = asdict(hyperpod)
    return [
        _setting(document, at, value) for at, value in _leaves(json.loads(json.dumps(data)), ())
    ]


def _setting(document: Document, at: Loc, value: Any) -> Setting:
    said = document.data
    for part in at:
        if not isinstance(said, dict) or part not in said:
            return Setting(at=at, value=value)
        said = said[part]
    file, line = document.origin(at)
    return Setting(at=at, value=value, file=file, line=line)


def _leaves(data: Any, at: Loc) -> Iterator[tuple[Loc, Any]]:
    if isinstance(data, dict) and (data or not at):
        for name, value in data.items():
            yield from _leaves(value, (*at, name))
    else:
        yield at, data


def tree(found: list[Setting]) -> dict[str | int, Any]:
    """Return settings as nested plain data."""
    out: dict[str | int, Any] = {}
    for one in found:
        inner: dict[str | int, Any] = out
        for part in one.at[:-1]:
            inner = inner.setdefault(part, {})
        inner[one.at[-1]] = one.value
    return out


def to_yaml(found: list[Setting]) -> str:
    """Return settings as an environment file that parses to the same, origins as comments.

    Example:
        >>> print(to_yaml([Setting(at=("aws", "account"), value="123456789012")]), end="")
        aws:
          account: "123456789012" # default
    """
    lines: list[str] = []
    open_at: Loc = ()
    for one in found:
        parents = one.at[:-1]
        same = next(
            (n for n, (a, b) in enumerate(zip(parents, open_at, strict=False)) if a != b),
            min(len(parents), len(open_at)),
        )
        lines += [
            f"{'  ' * depth}{in_flow(parents[depth])}:" for depth in range(same, len(parents))
        ]
        open_at = parents
        indent = "  " * len(parents)
        lines.append(f"{indent}{in_flow(one.at[-1])}: {in_flow(one.value)} # {one.origin}")
    return "\n".join(lines) + "\n"


def in_flow(value: Any) -> str:
    """Return plain data as YAML in one line; text is in quotes where a parser might misread it.

    Example:
        >>> in_flow({"zones": ["usw2-az1"], "version": "1.34"})
        '{zones: [usw2-az1], version: "1.34"}'
    """
    if isinstance(value, dict):
        return f"{{{', '.join(f'{in_flow(name)}: {in_flow(one)}' for name, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(in_flow, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in quoted)
