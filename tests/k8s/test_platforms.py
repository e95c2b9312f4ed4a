"""One file on both platforms: docs/hyperpod.md shows every difference, and there is no other."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shipped import checked

import disagg_k8s
from disagg.config.environment import Environment
from tests.stacks.synthesis import synthesize

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hyperpod.md"
BEGIN, END = "<!-- made by tests/k8s/test_platforms.py -->\n", "<!-- end -->\n"

EKS = checked("pilot").environment
HYPERPOD = checked("pilot", cluster__platform="hyperpod").environment


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{index}]")
    else:
        yield path, str(value)


def _manifests(environment: Environment) -> dict[str, str]:
    return {
        f"{one['kind']} {one['metadata']['name']}: {path}": value
        for objects in disagg_k8s.render(environment).values()
        for one in objects
        for path, value in _flat(one)
    }


def _resources(environment: Environment) -> Counter[tuple[str, str]]:
    return Counter(
        (stack.rpartition("-")[2], one["Type"])
        for stack, template in synthesize(environment).items()
        for one in template["Resources"].values()
    )


def differing_fields() -> list[tuple[str, str, str]]:
    """Return object and field, and its value on EKS and on HyperPod; empty where it is not."""
    eks, hyperpod = _manifests(EKS), _manifests(HYPERPOD)
    return [
        (name, eks.get(name, ""), hyperpod.get(name, ""))
        for name in sorted(eks.keys() | hyperpod.keys())
        if eks.get(name) != hyperpod.get(name)
    ]


def differing_resources() -> list[tuple[str, str, str]]:
    """Return stack and type, and how many there are on EKS and on HyperPod."""
    eks, hyperpod = _resources(EKS), _resources(HYPERPOD)
    return [
        (f"{stack}: {kind}", str(eks[stack, kind]), str(hyperpod[stack, kind]))
        for stack, kind in sorted(eks.keys() | hyperpod.keys())
        if eks[stack, kind] != hyperpod[stack, kind]
    ]


def table(title: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| {title} | eks | hyperpod |", "|---|---|---|"]
    for name, *values in rows:
        shown = [f"`{value}`" if value else "" for value in values]
        lines.append(f"| `{name}` | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def test_the_page_shows_every_difference(update_golden: bool) -> None:
    made = table("field of the manifests", differing_fields()) + "\n"
    made += table("resources of the stacks", differing_resources())
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    inside, _, after = rest.partition(END)
    if update_golden:
        PAGE.write_text(before + BEGIN + made + END + after, "utf-8")
        return
    assert inside == made


def test_only_the_choice_of_nodes_differs_in_the_manifests() -> None:
    rows = differing_fields()
    assert len(rows) >= 3
    assert all(".nodeSelector." in name or ".nodeAffinity." in name for name, _, _ in rows)


def test_the_layers_below_differ_by_what_brings_nodes_only() -> None:
    changed = {name for name, _, _ in differing_resources()}
    assert not [name for name in changed if name.startswith("Network:")]
    assert "Capacity: AWS::SageMaker::Cluster" in changed
    assert "Cluster: AWS::EKS::Nodegroup" in changed
