"""Kubernetes YAML with stable bytes, on which YAML 1.1 and 1.2 readers agree."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

# Why: PyYAML quotes what YAML 1.1 takes for a number or a boolean, but not 1e3 or 0o14, which 1.2
# readers turn into numbers.
_LOOKS_TYPED = re.compile(
    r"[-+]?(0o[0-7_]+|0x[\da-f_]+|0b[01_]+|[\d_]+(\.[\d_]*)?(e[-+]?\d+)?|\.\d[\d_]*(e[-+]?\d+)?)"
    r"|[-+]?\.(inf|nan)|y|n|yes|no|on|off|true|false|null|~",
    re.IGNORECASE,
)
_NEVER_WRAP = 2**31 - 1


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  Why: the signature is PyYAML's.
        return True  # Guard: a dict used twice must not become &id001 in the file.


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    tag = "tag:yaml.org,2002:str"
    if "\n" in value:
        return dumper.represent_scalar(tag, value, style="|")
    style = '"' if _LOOKS_TYPED.fullmatch(value) else None
    return dumper.represent_scalar(tag, value, style=style)


_Dumper.add_representer(str, _text)


def dump_all(objects: Iterable[dict[str, Any]]) -> str:
    """Return the objects as YAML documents, each opened by `---`; equal data gives equal bytes.

    Example:
        >>> print(dump_all([{"kind": "ConfigMap", "data": {"a": "1e3", "b": "no"}}]), end="")
        ---
        kind: ConfigMap
        data:
          a: "1e3"
          b: "no"
    """
    text: str = yaml.dump_all(
        objects,
        Dumper=_Dumper,
        sort_keys=False,
        width=_NEVER_WRAP,
        allow_unicode=True,
        explicit_start=True,
    )
    return text


def dump(value: Any) -> str:
    """Return one value as a YAML document without `---`, for files inside a ConfigMap."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, width=_NEVER_WRAP, allow_unicode=True
    )
    return text
