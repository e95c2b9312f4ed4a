"""Overrides of objects: exactly the named place changes, and what matches nothing is told."""

from copy import deepcopy
from typing import Any

import pytest
from shipped import checked

from disagg.config.overrides import ManifestOverride, Target
from disagg.errors import InvalidInputError, Problem
from disagg_k8s import render
from disagg_k8s.overrides import patched

POOL = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "prefill", "namespace": "a", "labels": {"x/y": "1", "t~": "2"}},
    "spec": {"replicas": 3, "containers": [{"name": "server"}, {"name": "side"}]},
}
FILES: dict[str, list[dict[str, Any]]] = {
    "00.yaml": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}],
    "10.yaml": [POOL, {**POOL, "metadata": {"name": "prefill", "namespace": "b"}}],
}


def override(*patch: dict[str, Any], **target: Any) -> ManifestOverride:
    named = {"kind": "Deployment", "name": "prefill", "namespace": "a"} | target
    return ManifestOverride(target=Target(**named), patch=patch)


def op(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path} | more


def problems(*given: ManifestOverride) -> list[Problem]:
    with pytest.raises(InvalidInputError) as caught:
        patched(FILES, given)
    return caught.value.problems


def test_no_override_changes_nothing() -> None:
    assert patched(FILES, ()) is FILES


# What RFC 6902 says of each operation, worked out by hand.
@pytest.mark.parametrize(
    ("operation", "where", "becomes"),
    [
        (op("add", "/spec/paused", value=True), ("spec", "paused"), True),
        (op("add", "/spec/containers/0", value={}), ("spec", "containers", 1, "name"), "server"),
        (op("add", "/spec/containers/-", value={"name": "z"}), ("spec", "containers", 2, "name"),
         "z"),
        (op("replace", "/metadata/labels/x~1y", value="9"), ("metadata", "labels", "x/y"), "9"),
        (op("replace", "/metadata/labels/t~0", value="9"), ("metadata", "labels", "t~"), "9"),
        (op("remove", "/spec/containers/0"), ("spec", "containers", 0, "name"), "side"),
        (op("move", "/spec/n", **{"from": "/spec/replicas"}), ("spec", "n"), 3),
        (op("copy", "/spec/n", **{"from": "/spec/replicas"}), ("spec", "replicas"), 3),
        (op("test", "/spec/replicas", value=3), ("spec", "replicas"), 3),
    ],
)  # fmt: skip
def test_each_operation_changes_its_place_and_no_other_object(
    operation: dict[str, Any], where: tuple[Any, ...], becomes: Any
) -> None:
    before = deepcopy(FILES)
    after = patched(FILES, (override(operation),))
    at: Any = after["10.yaml"][0]
    for key in where:
        at = at[key]
    assert at == becomes
    assert after["10.yaml"][1] == before["10.yaml"][1]
    assert after["00.yaml"] == before["00.yaml"]
    assert before == FILES


def test_overrides_build_on_each_other_in_order() -> None:
    first = override(op("add", "/spec/x", value=1))
    second = override(op("test", "/spec/x", value=1), op("replace", "/spec/x", value=2))
    assert patched(FILES, (first, second))["10.yaml"][0]["spec"]["x"] == 2
    assert [one.path for one in problems(second, first)] == ["overrides.manifests[0].patch[0].path"]


@pytest.mark.parametrize(
    ("given", "path", "fix"),
    [
        (override(op("remove", "/spec"), name="prefil"), "target",
         "did you mean Deployment a/prefill?"),
        (override(op("remove", "/spec"), namespace=None), "target", "name the namespace"),
        (override(op("remove", "/spec"), kind="Gateway", name="zzzz", namespace=None), "target",
         "list them: disagg render"),
        (override(op("replace", "/spec/replica", value=1)), "patch[0].path",
         "did you mean /spec/replicas?"),
        (override(op("replace", "/spec/container/0/name", value=1)), "patch[0].path",
         "did you mean /spec/containers/0/name?"),
        (override(op("move", "/spec/x", **{"from": "/spec/replica"})), "patch[0].from",
         "did you mean /spec/replicas?"),
        (override(op("remove", "/spec/containers/7")), "patch[0].path", "correct the path"),
        (override(op("add", "/spec/containers/x", value=1)), "patch[0].path", "correct the path"),
        (override(op("add", "/spec/replicas/x", value=1)), "patch[0].path", "correct the path"),
        (override(op("test", "/spec/replicas", value=4)), "patch[0].value",
         "see whether the override is still right, then correct the value"),
        (override(op("test", "/spec/replica", value=4)), "patch[0].path",
         "did you mean /spec/replicas?"),
        (override(op("test", "/spec/containers/-", value=1)), "patch[0].path", "correct the path"),
        (override(op("move", "/spec/a", **{"from": "/spec"})), "patch[0].from", "correct the path"),
        (override(op("remove", "/metadata/name")), "patch[0].path", "leave those as they are"),
        (override(op("replace", "/metadata", value=[])), "patch[0].path",
         "leave those as they are"),
    ],
)  # fmt: skip
def test_what_matches_nothing_is_told_with_what_is_near(
    given: ManifestOverride, path: str, fix: str
) -> None:
    (problem,) = problems(given)
    assert problem.path == f"overrides.manifests[0].{path}"
    assert problem.fix == fix
    assert problem.code == ("DISAGG-OVR-004" if path == "target" else "DISAGG-OVR-005")


def test_all_are_told_at_once() -> None:
    wrong = override(op("remove", "/x"))
    assert [one.path[:22] for one in problems(wrong, override(op("remove", "/spec/n")), wrong)] == [
        f"overrides.manifests[{number}]" for number in range(3)
    ]


def test_rendering_applies_the_overrides_of_the_file() -> None:
    given = [
        {
            "target": {"kind": "Deployment", "name": "prefill"},
            "patch": [op("add", "/metadata/annotations", value={"team": "search"})],
        }
    ]
    before = render(checked("pilot").environment)
    after = render(checked("pilot", overrides__manifests=given).environment)
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["40-prefill-pool.yaml"]
    (one,) = [o for o in after["40-prefill-pool.yaml"] if o["metadata"]["name"] == "prefill"]
    assert one["metadata"]["annotations"] == {"team": "search"}
