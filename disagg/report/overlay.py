"""A change of an environment that extends another: the least that the file must say afterwards."""

from typing import Any

from disagg.config.inherit import KEY, merged


def say_over(base: dict[str, Any], wanted: dict[str, Any], own: Any) -> None:
    """Change `own` so that it means `wanted` over `base`; what it says rightly stays as it is.

    Args:
        base: What is inherited, plain.
        wanted: What the file must mean, plain.
        own: The mapping of the file, changed in place; comments in it stay where it allows.

    Example:
        >>> own = {"extends": "base.yaml", "slo": {"ttft": 1}}
        >>> say_over({"slo": {"ttft": 1, "tpot": 2}, "name": "a"}, {"slo": {"ttft": 3}}, own)
        >>> own
        {'extends': 'base.yaml', 'slo': {'ttft': 3, 'tpot': None}, 'name': None}
    """
    for name in [name for name in own if name != KEY and name not in wanted and name not in base]:
        del own[name]
    for name, value in wanted.items():
        inherits = name in base
        below = base.get(name)
        if name in own and own[name] is not None and merged(below, own[name]) == value:
            continue
        if inherits and below == value:
            own.pop(name, None)
        elif isinstance(value, dict) and isinstance(below, dict) and _mixes(below, value):
            if not isinstance(own.get(name), dict):
                own[name] = {}
            say_over(below, value, own[name])
        else:
            own[name] = value
    for name in base:
        if name not in wanted:
            own[name] = None


def _mixes(below: dict[str, Any], value: dict[str, Any]) -> bool:
    """Tell whether one mapping can be said as a change of the other: none of another kind."""
    return "kind" not in below or below["kind"] == value.get("kind")
