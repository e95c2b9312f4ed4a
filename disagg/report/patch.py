"""A layout as a change of an environment file; comments and everything else stay."""

import difflib
import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from disagg.checks.environment import check
from disagg.config.yaml_reader import read, read_text
from disagg.errors import InvalidInputError, Problem
from disagg.planner.ask import Ask
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.search import Found

_LONG_LINE = 4_096


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


def patched(target: Path, found: Found | None, ask: Ask) -> tuple[str, str]:
    """Return the text of an environment with a layout in it, and the difference to what it was.

    Raises:
        InvalidInputError: The file is no sound environment, before or after; or DISAGG-LAY-003,
            the layout keeps not every promise or cannot be said in one.
    """
    before = target.read_text("utf-8") if target.is_file() else ""
    check(read(target))
    change = patch(found.layout) if found is not None and found.meets else None
    if found is None or change is None:
        got = "no layout of two pools" if found is None else str(found.layout)
        if found is not None and not found.meets:
            got += ", which does not keep the promises at this load"
        raise InvalidInputError(
            [
                Problem(
                    code="DISAGG-LAY-003",
                    file=target.as_posix(),
                    path="serving",
                    got=got,
                    need="two pools that keep every promise, with tensor parallelism only",
                    fix="set search.data_parallel to false, or more search.gpus, or promise less",
                )
            ]
        )
    change["serving"]["model"] = ask.model.name
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _LONG_LINE
    data = yaml.load(before)
    capacity = data["capacity"]
    for name in [name for name in capacity if name not in change["capacity"]]:
        del capacity[name]
    for section, wanted in change.items():
        _merge(data[section], wanted)
    for group in capacity.values():
        if group.get("desired_nodes", 0) > group["nodes"]:
            group["desired_nodes"] = group["nodes"]
    buffer = io.StringIO()
    yaml.dump(data, buffer)
    after = buffer.getvalue()
    check(read_text(after, target.as_posix()))
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"{target.as_posix()} before",
        f"{target.as_posix()} after",
        n=0,
    )
    return after, "".join(lines)


def _merge(at: Any, wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if isinstance(value, dict):
            if name not in at:
                at[name] = {}
            _merge(at[name], value)
        else:
            at[name] = value
