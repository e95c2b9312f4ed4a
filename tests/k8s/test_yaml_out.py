"""YAML that readers of version 1.1 and 1.2 understand alike."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from disagg_k8s.yaml_out import dump, dump_all

LOOK_ALIKES = [
    *(
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "true",
        "Null",
        "~",
        "1e3",
        "1.5",
        ".5",
        "0o14",
        "0x1F",
        "0b1",
    ),
    *(
        "012",
        "1_000",
        "12:30:45",
        "2026-11-23",
        ".inf",
        "-.INF",
        ".nan",
        "=",
        "<<",
        "- a",
        "a: b",
        "# x",
    ),
    *(
        "",
        " a",
        "a ",
        "@type",
        "%START%",
        "[x]",
        "{x}",
        "&a",
        "*a",
        "!x",
        "|",
        ">",
        "'",
        '"',
        "a\nb\n",
        "a\nb",
    ),
]


def readers(text: str) -> list[list[Any]]:
    return [list(yaml.safe_load_all(text)), list(YAML(typ="safe", pure=True).load_all(text))]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_text_that_looks_like_something_else_stays_text(text: str) -> None:
    objects = [{"value": text, text: "key"}]
    assert readers(dump_all(objects)) == [objects, objects]


@given(
    st.text(
        st.characters(codec="ascii", exclude_characters="\r\x7f", min_codepoint=32), max_size=20
    )
)
def test_any_line_of_text_survives(text: str) -> None:
    objects = [{"value": text}]
    assert readers(dump_all(objects)) == [objects, objects]


def test_a_value_used_twice_is_written_twice() -> None:
    shared = {"a": ["b"]}
    text = dump_all([{"x": shared, "y": shared}])
    assert "&" not in text
    assert "*" not in text


def test_long_lines_are_not_wrapped_and_order_is_kept() -> None:
    long = "word " * 100 + "end"
    text = dump({"z": long, "a": "x\ny\n"})
    assert text == f"z: {long}\na: |\n  x\n  y\n"
