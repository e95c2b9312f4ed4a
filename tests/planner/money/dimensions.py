"""Numbers that carry their unit through arithmetic: an oracle for formulas."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Quantity:
    """A value with powers of base units, such as `{"USD": 1, "h": -1}`."""

    value: float
    unit: tuple[tuple[str, int], ...] = ()

    def __mul__(self, other: Any) -> "Quantity":
        other = _of(other)
        return Quantity(self.value * other.value, _joined(self.unit, other.unit, 1))

    def __truediv__(self, other: Any) -> "Quantity":
        other = _of(other)
        return Quantity(self.value / other.value, _joined(self.unit, other.unit, -1))

    def __add__(self, other: Any) -> "Quantity":
        other = _of(other)
        if self.unit != other.unit:
            raise TypeError(f"{dict(self.unit)} + {dict(other.unit)}")
        return Quantity(self.value + other.value, self.unit)

    def __sub__(self, other: Any) -> "Quantity":
        return self + _of(other) * -1.0

    def __rsub__(self, other: Any) -> "Quantity":
        return _of(other) - self

    def __rtruediv__(self, other: Any) -> "Quantity":
        return _of(other) / self

    __rmul__ = __mul__
    __radd__ = __add__

    def __lt__(self, other: Any) -> bool:
        return self.value < _of(other).value

    def __le__(self, other: Any) -> bool:
        return self.value <= _of(other).value

    def __gt__(self, other: Any) -> bool:
        return self.value > _of(other).value

    def __ge__(self, other: Any) -> bool:
        return self.value >= _of(other).value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)


def quantity(value: float, **unit: int) -> Any:
    """Return a value with a unit: `quantity(5, USD=1, h=-1)`."""
    return Quantity(value, tuple(sorted(unit.items())))


def _of(other: Any) -> Quantity:
    return other if isinstance(other, Quantity) else Quantity(float(other))


def _joined(
    left: tuple[tuple[str, int], ...], right: tuple[tuple[str, int], ...], sign: int
) -> tuple[tuple[str, int], ...]:
    powers = dict(left)
    for name, power in right:
        powers[name] = powers.get(name, 0) + sign * power
    return tuple(sorted((name, power) for name, power in powers.items() if power))
