"""Quantities whose unit is part of their type; converting is always visible in the code."""

from typing import NewType

Bytes = NewType("Bytes", int)
Mib = NewType("Mib", int)
Gib = NewType("Gib", int)
MilliCpu = NewType("MilliCpu", int)
UsdPerHour = NewType("UsdPerHour", float)

HOURS_PER_MONTH = 730
"""Average hours in a month [h], the figure AWS's own calculators use."""


def gib_to_mib(gib: int) -> Mib:
    """Return `gib` [GiB] in [MiB].

    Example:
        >>> gib_to_mib(2)
        2048
    """
    return Mib(gib * 1024)


def mib_to_bytes(mib: int) -> Bytes:
    """Return `mib` [MiB] in [B].

    Example:
        >>> mib_to_bytes(1)
        1048576
    """
    return Bytes(mib * 1024 * 1024)


def bytes_to_gib(size: int) -> float:
    """Return `size` [B] in [GiB].

    Example:
        >>> bytes_to_gib(1610612736)
        1.5
    """
    return size / 1024**3
