"""Every selector selects what it should and nothing else; every probe asks the process it means."""

from collections.abc import Iterator
from typing import Any

import pytest
from manifest_edits import RENDERED, Files, rendered_precise

Json = dict[str, Any]
PRECISE_ONLY = {"render"}
# Oracle: written by hand from what each object is for.
SELECTED: dict[tuple[str, str, str], set[str]] = {
    ("Deployment", "pilot-serving", "decode"): {"decode"},
    ("Deployment", "pilot-serving", "prefill"): {"prefill"},
    ("Deployment", "pilot-serving", "baseline"): {"baseline"},
    ("Deployment", "pilot-serving", "render"): {"render"},
    ("Deployment", "pilot-router", "router"): {"router"},
    ("Service", "pilot-serving", "baseline"): {"baseline"},
    ("Service", "pilot-serving", "render"): {"render"},
    ("Service", "pilot-router", "router"): {"router"},
    ("PodDisruptionBudget", "pilot-serving", "decode"): {"decode"},
    ("PodDisruptionBudget", "pilot-serving", "prefill"): {"prefill"},
    ("NetworkPolicy", "pilot-serving", "deny-by-default"): {
        "decode",
        "prefill",
        "baseline",
        "render",
    },
    ("NetworkPolicy", "pilot-router", "deny-by-default"): {"router"},
    ("NetworkPolicy", "pilot-serving", "model-servers"): {"decode", "prefill"},
    ("NetworkPolicy", "pilot-serving", "baseline"): {"baseline"},
    ("NetworkPolicy", "pilot-serving", "render"): {"render"},
    ("NetworkPolicy", "pilot-router", "router"): {"router"},
}
# Oracle: where each process listens, by hand: llm-d's ports, and Envoy's and the picker's own.
ASKED = {
    ("decode", "modelserver"): 8200,
    ("decode", "routing-proxy"): 8000,
    ("prefill", "modelserver"): 8000,
    ("baseline", "modelserver"): 8000,
    ("render", "render"): 8000,
    ("router", "picker"): 9003,
    ("router", "proxy"): 19001,
}


@pytest.fixture(params=["pilot", "precise"])
def files(request: pytest.FixtureRequest) -> Files:
    return RENDERED if request.param == "pilot" else rendered_precise()


def there(name: str, files: Files) -> bool:
    return name not in PRECISE_ONLY or files is not RENDERED


def objects(files: Files) -> Iterator[Json]:
    for found in files.values():
        yield from found


def selector(one: Json) -> dict[str, str] | None:
    spec = one.get("spec", {})
    if one["kind"] == "NetworkPolicy":
        chosen: dict[str, str] = spec["podSelector"].get("matchLabels", {})
        return chosen
    if one["kind"] == "Service":
        return dict(spec["selector"])
    if one["kind"] in {"Deployment", "PodDisruptionBudget"}:
        return dict(spec["selector"]["matchLabels"])
    return None


def selected(files: Files, namespace: str, labels: dict[str, str]) -> set[str]:
    return {
        one["metadata"]["name"]
        for one in objects(files)
        if one["kind"] == "Deployment"
        and one["metadata"]["namespace"] == namespace
        and labels.items() <= one["spec"]["template"]["metadata"]["labels"].items()
    }


def test_every_selector_selects_what_it_should_and_nothing_else(files: Files) -> None:
    found = {}
    for one in objects(files):
        labels = selector(one)
        if labels is not None:
            metadata = one["metadata"]
            key = (one["kind"], metadata["namespace"], metadata["name"])
            found[key] = selected(files, metadata["namespace"], labels)
    wanted = {
        key: {name for name in names if there(name, files)}
        for key, names in SELECTED.items()
        if there(key[2], files)
    }
    assert found == wanted


def test_the_picker_selects_both_roles_and_nothing_else(files: Files) -> None:
    (args,) = [
        c["args"]
        for one in objects(files)
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "router"
        for c in one["spec"]["template"]["spec"]["containers"]
        if c["name"] == "picker"
    ]
    flags = dict(a.split("=", 1) for a in args)
    labels = dict(pair.split("=") for pair in flags["--endpoint-selector"].split(","))
    assert selected(files, flags["--pool-namespace"], labels) == {"decode", "prefill"}


def test_every_probe_asks_a_port_of_its_own_process(files: Files) -> None:
    asked: dict[tuple[str, str], set[int]] = {}
    for one in objects(files):
        pod = one.get("spec", {}).get("template", {}).get("spec", {})
        for container in (*pod.get("initContainers", []), *pod.get("containers", [])):
            ports = {p["name"]: p["containerPort"] for p in container.get("ports", [])}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                for how in ("httpGet", "tcpSocket", "grpc"):
                    port = container.get(kind, {}).get(how, {}).get("port")
                    if port is not None:
                        number = ports[port] if isinstance(port, str) else port
                        assert number in ports.values()
                        key = (one["metadata"]["name"], container["name"])
                        asked.setdefault(key, set()).add(number)
    assert asked == {key: {port} for key, port in ASKED.items() if there(key[0], files)}


def test_ports_that_are_referenced_by_name_exist(files: Files) -> None:
    opened = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): {
            p["name"]
            for c in (
                *one["spec"]["template"]["spec"].get("initContainers", []),
                *one["spec"]["template"]["spec"]["containers"],
            )
            for p in c.get("ports", [])
        }
        for one in objects(files)
        if one["kind"] == "Deployment"
    }
    for one in objects(files):
        if one["kind"] == "Service":
            place = one["metadata"]["namespace"]
            for name in selected(files, place, one["spec"]["selector"]):
                assert {p["targetPort"] for p in one["spec"]["ports"]} <= opened[place, name]
