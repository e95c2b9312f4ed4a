"""What the reader makes of YAML that is legal and unusual."""

import pytest

from disagg.config.yaml_reader import read_text


def data(text: str) -> object:
    document = read_text(text, "file.yaml")
    assert document.problems == []
    return document.data


def test_an_own_key_beats_a_merged_one_wherever_it_stands() -> None:
    assert data("base: &b {a: 1, c: 2}\nx: {a: 3, <<: *b}\ny: {<<: *b, a: 3}\n") == {
        "base": {"a": 1, "c": 2},
        "x": {"a": 3, "c": 2},
        "y": {"a": 3, "c": 2},
    }


def test_a_merged_mapping_may_merge_others() -> None:
    text = "a: &a {k: 1, l: 1}\nb: &b {<<: *a, l: 2}\nc: {<<: *b, m: 3}\n"
    assert data(text) == {
        "a": {"k": 1, "l": 1},
        "b": {"k": 1, "l": 2},
        "c": {"k": 1, "l": 2, "m": 3},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("true", True),
        ("0x1F", 31),
        ("0o17", 15),
        ("010", 10),
        ("1e3", 1000.0),
        ("2026-11-23", "2026-11-23"),
        ("~", None),
        ("-5", -5),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert data(f"k: {text}\n") == {"k": value}


def test_line_ends_and_byte_order_marks_of_other_systems_are_read() -> None:
    assert data("a: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}


def test_positions_are_those_of_the_file() -> None:
    document = read_text("a:\n  - b: 1\n    c: 2\n", "file.yaml")
    assert document.position(("a", 0, "c")) == (3, 8)
    assert document.position(("a", 0, "c"), key=True) == (3, 5)
    assert document.position(("a", 0, "nothing")) == (2, 5)
