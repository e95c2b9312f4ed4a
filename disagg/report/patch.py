"""A layout as a change of an environment file; comments and everything else stay."""

import copy
import difflib
import io
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from disagg.checks.environment import check, load_environment
from disagg.config.environment import Environment, Pricing
from disagg.config.inherit import base_of, extends, inherited
from disagg.config.workload import Assumptions
from disagg.config.yaml_reader import read, read_text
from disagg.errors import InvalidInputError, Problem
from disagg.planner.ask import Ask, layout_of
from disagg.planner.decision.sizing import Sizing
from disagg.planner.layout import groups
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.search import Found
from disagg.report.overlay import say_over

_LONG_LINE = 4_096
_GROUPS = ("prefill", "decode", "shared")


def patch(layout: Layout) -> dict[str, Any] | None:
    """Return the keys of an environment that make a layout of two pools; None where none can.

    Example:
        >>> from disagg.catalog.instances import INSTANCE_TYPES
        >>> from disagg.planner.performance.layouts import Engines
        >>> from disagg.planner.performance.predictor import Worker
        >>> one = Engines(worker=Worker(tensor_parallel=4), count=1)
        >>> layout = Layout(instance=INSTANCE_TYPES["p6-b200.48xlarge"], engines=one, prefill=one)
        >>> patch(layout)["capacity"]["decode"]
        {'instance_type': 'p6-b200.48xlarge', 'nodes': 1}
    """
    first, second = layout.prefill, layout.engines
    if first is None or any(
        pool.worker.data_parallel > 1 or pool.worker.expert_parallel > 1 for pool in (first, second)
    ):
        return None
    name, each = layout.instance.name, layout.instance.gpus

    def group(nodes: int) -> dict[str, Any]:
        return {"instance_type": name, "nodes": nodes}

    capacity = (
        {"shared": group(layout.nodes)}
        if layout.colocated
        else {"prefill": group(first.nodes(each)), "decode": group(second.nodes(each))}
    )
    return {
        "capacity": capacity,
        "serving": {
            "prefill": {"replicas": first.count, "tensor_parallel": first.worker.tensor_parallel},
            "decode": {"replicas": second.count, "tensor_parallel": second.worker.tensor_parallel},
            "placement": "colocate" if layout.colocated else "separate_nodes",
        },
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Patched:
    """An environment file with a layout in it."""

    text: str
    change: dict[str, Any]
    """The keys that make the layout, as `patch` returns them."""
    difference: str
    """Unified, without context."""
    warnings: tuple[str, ...]
    """What a reader must know before applying it."""


def patched(target: Path, sizing: Sizing, ask: Ask) -> Patched:
    """Return an environment with the best layout of two pools, its workload and its promises.

    The best is the cheapest that keeps every promise and can be said in an environment; of two, the
    one placed as the file says. A file that extends another says what differs from it afterwards;
    the other is not written to.

    Raises:
        InvalidInputError: The file is no sound environment, before or after; or DISAGG-LAY-003,
            no layout keeps every promise and can be said in one.
    """
    before = target.read_text("utf-8") if target.is_file() else ""
    environment = load_environment(target).environment
    placement = environment.serving.placement
    found = best_to_write(sizing, colocated=placement == "colocate")
    change = None if found is None else patch(found.layout)
    if found is None or change is None:
        raise InvalidInputError([_no_layout(target, sizing)])
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _LONG_LINE
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = yaml.load(before)
    document = read(target)
    whole = inherited(document).data if extends(document) else data
    _put(whole, change, ask)
    if extends(document):
        say_over(base_of(document).data, whole, data)
    buffer = io.StringIO()
    yaml.dump(data, buffer)
    after = buffer.getvalue()
    written = inherited(read_text(after, target.as_posix()))
    made = layout_of(check(written).environment)
    if made != found.layout:
        raise InvalidInputError([_not_as_meant(target, str(made), str(found.layout))])
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"{target.as_posix()} before",
        f"{target.as_posix()} after",
        n=0,
    )
    return Patched(
        text=after,
        change=patch(found.layout) or {},
        difference="".join(lines),
        warnings=tuple(_warnings(ask, sizing, found, environment)),
    )


def _put(data: Any, change: dict[str, Any], ask: Ask) -> None:
    """Put a layout and the question it answers into the data of an environment."""
    _regroup(data["capacity"], change["capacity"])
    _ask(data, ask)
    _merge(data, change)
    for name in change["capacity"]:
        group = data["capacity"][name]
        if group.get("desired_nodes", 0) > group["nodes"]:
            group["desired_nodes"] = group["nodes"]


def _regroup(capacity: Any, wanted: dict[str, Any]) -> None:
    """Drop groups that the layout has not; what all of them said of buying goes to new ones."""
    old = [capacity[name] for name in _GROUPS if capacity.get(name)]
    common = {
        key: old[0][key]
        for key in ("source", "root_volume_gib")
        if all(key in one and one[key] == old[0].get(key) for one in old)
    }
    for name in _GROUPS:
        if name not in wanted:
            capacity.pop(name, None)
        elif capacity.get(name):
            # Why a copy: an alias (`decode: *group`) would be changed with its anchor.
            capacity[name] = _plain(capacity[name])
        else:
            capacity[name] = _plain(common)


def _ask(data: Any, ask: Ask) -> None:
    """Put the question into an environment: workload, promises, prices, measured points."""
    asked: dict[str, Any] = {"workload": _given(ask.question.workload)}
    if ask.question.slo is not None:
        asked["slo"] = _given(ask.question.slo)
    if ask.question.pricing != Pricing():
        asked["pricing"] = _given(ask.question.pricing)
    for section, wanted in asked.items():
        kept = data.get(section) or CommentedMap()
        for name in [name for name in kept if name not in wanted]:
            del kept[name]
        data[section] = kept
    _merge(data, asked)
    serving = data["serving"]
    for role in ("prefill", "decode"):
        serving[role] = _plain(serving[role])
    said, standard = ask.question.serving, Assumptions()
    if said.router_policy != standard.router_policy:
        _merge(serving, {"router": {"policy": said.router_policy}})
    if said.block_size != standard.block_size:
        _merge(serving, {"kv_transfer": {"block_size": said.block_size}})
    serving["model"] = ask.model.name
    data.pop("results", None)
    data.pop("measurements", None)
    if ask.question.measurements:
        # Why: without them the environment would be judged by an uncalibrated prediction.
        data["measurements"] = [_flow(_given(one)) for one in ask.question.measurements]


def _plain(section: Any) -> CommentedMap:
    """Return a mapping of its own, written as it was."""
    made = copy.deepcopy(section) if isinstance(section, CommentedMap) else CommentedMap(section)
    if made.anchor.value:
        made.yaml_set_anchor(None)
    return made


def _not_as_meant(target: Path, got: str, need: str) -> Problem:
    return Problem(
        code="DISAGG-LAY-003",
        file=target.as_posix(),
        path="serving",
        got=f"{got} after the change",
        need=need,
        fix="write capacity and serving without anchors and merge keys, and try again",
    )


def best_to_write(sizing: Sizing, *, colocated: bool = False) -> Found | None:
    """Return the layout of two pools that an environment would get, None where there is none."""
    able = [one for one in sizing.found if one.meets and patch(one.layout) is not None]
    return min(
        # Why: what was measured is not weighed against what was guessed.
        [one for one in able if one.calibrated] or able,
        key=lambda one: (one.usd_per_hour, one.layout.colocated is not colocated),
        default=None,
    )


def _no_layout(target: Path, sizing: Sizing) -> Problem:
    best = sizing.pools
    got = "no layout of two pools" if best is None else str(best.layout)
    if best is not None and not best.meets:
        got += ", which does not keep the promises at this load"
    return Problem(
        code="DISAGG-LAY-003",
        file=target.as_posix(),
        path="serving",
        got=got,
        need="two pools that keep every promise, with tensor parallelism only",
        fix="set search.data_parallel to false, or more search.gpus, or promise less",
    )


def _given(section: Any) -> dict[str, Any]:
    """Return the keys of a section that differ from their defaults; whole numbers without `.0`."""
    found: dict[str, Any] = {}
    for one in fields(section):
        value = getattr(section, one.name)
        if value == one.default:
            continue
        if is_dataclass(value):
            value = _given(value)
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        found[one.name] = value
    return found


def _flow(data: dict[str, Any]) -> CommentedMap:
    """Return a mapping that is written in one line."""
    made = CommentedMap(data)
    made.fa.set_flow_style()
    return made


def _warnings(ask: Ask, sizing: Sizing, found: Found, environment: Environment) -> Iterator[str]:
    cheapest, question = sizing.found[0], ask.question
    placement, region = environment.serving.placement, environment.aws.region
    if cheapest.layout.prefill is None:
        yield (
            f"{cheapest.layout} without pools costs ${cheapest.usd_per_hour:,.2f}/h, this"
            f" ${found.usd_per_hour:,.2f}/h; an environment always has two pools, so ask first:"
            " disagg decide"
        )
    if question.slo is None:
        yield "the workload promises nothing: the promises of the file stay"
    if question.search.spare_engines:
        yield (
            f"{question.search.spare_engines} spare engines a role are in the layout; plan and"
            " cost of the environment count them as serving"
        )
    if question.region != region:
        yield (
            f"the workload asks for {question.region}, the environment is in {region}: its prices"
            " count there"
        )
    if question.pricing == Pricing() != environment.pricing:
        yield "the workload has list prices: `pricing:` of the file stays"
    if len({str(one.source) for one in groups(environment.capacity).values()}) > 1:
        yield "the groups were bought in different ways: see that `source:` is what you want"
    said, standard = question.serving, Assumptions()
    lost = [
        f"serving.{name}"
        for name in ("hybrid_kv_cache", "ram_cache_gib_per_gpu", "disk_cache_gib_per_gpu")
        if getattr(said, name) != getattr(standard, name)
    ]
    if question.platform != "eks":
        lost.append("platform")
    if lost:
        yield f"an environment cannot say {', '.join(lost)} of the workload: plan counts without"
    if found.layout.colocated is not (placement == "colocate"):
        now = "colocate" if found.layout.colocated else "separate_nodes"
        yield f"serving.placement was {placement} and is {now}: it takes fewer nodes"


def _merge(at: Any, wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if isinstance(value, dict):
            if at.get(name) is None:
                at[name] = {}
            _merge(at[name], value)
        else:
            at[name] = value
