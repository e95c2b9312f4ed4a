"""Judge what is installed beside the manifests: values, order, and who hands out devices."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from disagg.catalog.chart import WAVES, Chart
from disagg.catalog.chart_values import CHART_VALUES, undocumented
from disagg.catalog.definitions import MODULE_OF
from disagg.checks.rule import Finding, Rule, rule, run
from disagg.errors import Problem

Values = Mapping[str, Mapping[str, Any]]
"""Values by chart."""
Objects = Mapping[str, Sequence[Mapping[str, Any]]]
"""Objects by file."""

_HAND_OUT = (
    ("GPUs", ("nvidia-device-plugin", "dra-driver-nvidia-gpu")),
    ("EFA devices", ("aws-efa-k8s-device-plugin", "aws-dranet")),
)
_TRAP = ((0, 19, 0), (0, 19, 3))
"""Versions of the NVIDIA plugin that mount every verbs device: from, and first without."""


@rule("DISAGG-ADD-010")
def values_are_documented(charts: Sequence[Chart], values: Values) -> Iterator[Finding]:
    """Every value a chart is given is one that it documents, at the version that is pinned.

    Helm takes any key in silence, so a misspelt one is a setting that never happens. The documented
    keys are in `disagg/catalog/chart_values.py`, each table with the version it was read at.
    """
    for one in charts:
        table = CHART_VALUES.get(one.name)
        if table is None or table.version != one.version:
            read = table.version if table else "none"
            yield Finding(
                at=(one.name, "version"),
                got=f"keys of {read}",
                need=f"documented keys of {one.version}",
                fix="read the chart's values.yaml and write its keys to catalog/chart_values.py",
            )
            continue
        known = sorted(key.removesuffix(".*") for key in table.keys)
        for path in undocumented(table.keys, values[one.name]):
            near = get_close_matches(path, known, n=1)
            yield Finding(
                at=(one.name, path),
                got="a key that the chart does not document",
                need=f"a key of {one.name} {one.version}",
                fix=f"did you mean {near[0]!r}?" if near else "remove it",
            )


@rule("DISAGG-ADD-011")
def kinds_come_before_their_objects(charts: Sequence[Chart], objects: Objects) -> Iterator[Finding]:
    """A custom kind is brought by a chart of an earlier wave than whatever has an object of it.

    The API server refuses objects of kinds it does not know; manifests are the last wave.
    """
    brought = {kind: one.wave for one in charts for kind in one.brings}
    wanted = [(one.name, one.wave, kind) for one in charts for kind in one.uses]
    wanted += [
        (file, len(WAVES) - 1, name)
        for file, group in objects.items()
        for name in sorted({_kind(one) for one in group} & MODULE_OF.keys())
    ]
    for user, wave, kind in wanted:
        if kind not in brought or brought[kind] >= wave:
            at = brought.get(kind)
            yield Finding(
                at=(user, kind),
                got="no chart brings it" if at is None else f"it comes in wave {at}",
                need=f"a chart that brings it before wave {wave} ({WAVES[wave]})",
                fix="switch its chart on under add_ons, or move it to an earlier wave",
            )


def _kind(one: Mapping[str, Any]) -> str:
    return f"{one['kind']}.{one['apiVersion'].partition('/')[0]}"


@rule("DISAGG-ADD-012")
def devices_are_handed_out_once(charts: Sequence[Chart], values: Values) -> Iterator[Finding]:
    """One chart hands out GPUs and one EFA devices, and GPU pods get no verbs device but their own.

    Of two, each would give the same device away. The NVIDIA plugin 0.19.0 to 0.19.2, and any later
    with `mofedEnabled`, mounts every /dev/infiniband/uverbs* into GPU pods. Source:
    NVIDIA/k8s-device-plugin #1692, #1837; EKS user guide "device-management-efa".
    """
    names = [name for one in charts for name in (one.name, *one.contains)]
    for devices, known in _HAND_OUT:
        found = [name for name in names if name in known]
        if len(found) != 1:
            yield Finding(
                at=("charts",),
                got=f"{' and '.join(found) or 'nobody'} hand out {devices}",
                need=f"one of {', '.join(known)}",
                fix="keep the one of the exposure in catalog/charts.py",
            )
    for one in charts:
        if one.name != "nvidia-device-plugin":
            continue
        version = tuple(int(part) for part in re.findall(r"\d+", one.version)[:3])
        if _TRAP[0] <= version < _TRAP[1] or values[one.name].get("mofedEnabled") is not False:
            yield Finding(
                at=(one.name, one.version),
                got="it mounts every verbs device into GPU pods",
                need="0.19.3 or later with mofedEnabled: false",
                fix="pin a later version and say mofedEnabled: false",
            )


ADD_ON_RULES: tuple[Rule, ...] = (
    values_are_documented,
    kinds_come_before_their_objects,
    devices_are_handed_out_once,
)


def check_add_ons(charts: Sequence[Chart], values: Values, manifests: Objects) -> list[Problem]:
    """Return what is wrong with the charts of an environment, by chart.

    Args:
        charts: What is installed, in order.
        values: Values of each, by its name.
        manifests: The environment's own objects, by file.
    """
    given = {"charts": charts, "values": values, "objects": manifests}
    return [
        Problem(
            code=one.code,
            path=".".join(str(part) for part in finding.at),
            got=finding.got,
            need=finding.need,
            fix=finding.fix,
            file="charts",
        )
        for one, finding in run(ADD_ON_RULES, given)
    ]
