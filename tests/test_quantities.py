"""Kubernetes quantities become numbers."""

import pytest

from disagg.quantities import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4", 4),
        ("500m", 0.5),
        ("1Ki", 1024),
        ("2Gi", 2**31),
        ("3k", 3000),
        ("1e3", 1000),
        ("1E", 10**18),
        ("2Pi", 2**51),
    ],
)
def test_quantities_are_numbers(text: str, number: float) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["many", "", "1Q", "1 Gi", "1.2.3", "."])
def test_something_that_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        quantity(text)
