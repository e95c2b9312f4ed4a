"""Ways to break a rendering in one place, for the tests of the manifest rules."""

import copy
import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from shipped import checked

import disagg_k8s
from disagg.checks.manifests import check_manifests
from disagg.config.environment import Environment

Files = dict[str, list[dict[str, Any]]]
Mutation = Callable[[Files], None]
Violation = tuple[str, str, Mutation]

PILOT = checked("pilot").environment
PRECISE = checked(
    "pilot",
    serving__router={
        "policy": "prefix_precise",
        "decider": "prefix_based",
        "threshold_tokens": 512,
        "flow_control": {},
        "session_header": "x-session-id",
    },
).environment
"""The pilot with everything a router can be told."""
RENDERED: Files = disagg_k8s.render(PILOT)


@functools.cache
def rendered_precise() -> Files:
    return disagg_k8s.render(PRECISE)


def found_after(mutate: Mutation, environment: Environment = PILOT) -> set[str]:
    """Return the codes of what is found after a change; the change must change something."""
    before = RENDERED if environment is PILOT else rendered_precise()
    files = copy.deepcopy(before)
    mutate(files)
    assert files != before
    problems = check_manifests(files, environment)
    assert all(p.path and p.got and p.need and p.fix for p in problems)
    return {problem.code for problem in problems}


def each(violations: list[Violation]) -> pytest.MarkDecorator:
    """Return the decorator that runs a test once for each violation."""
    ids = [f"{code} {what}" for code, what, _ in violations]
    pairs = [(code, mutate) for code, _, mutate in violations]
    return pytest.mark.parametrize(("code", "mutate"), pairs, ids=ids)


def one(files: Files, kind: str, name: str) -> dict[str, Any]:
    """Return the only object of that kind and name."""
    (found,) = [
        o
        for objects in files.values()
        for o in objects
        if (o["kind"], o["metadata"]["name"]) == (kind, name)
    ]
    return found


def pod(files: Files, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = one(files, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def server(files: Files, name: str) -> dict[str, Any]:
    return pod(files, name)["containers"][0]


def sidecar(files: Files) -> dict[str, Any]:
    return pod(files, "decode")["initContainers"][-1]


def picker(files: Files) -> dict[str, Any]:
    return pod(files, "router")["containers"][0]


def proxy(files: Files) -> dict[str, Any]:
    return pod(files, "router")["containers"][1]


def switch_on(path: str, get: Callable[[Files], Any]) -> Mutation:
    return put(path, *[True], get)


def put(path: str, value: Any, get: Callable[[Files], Any]) -> Mutation:
    """Set (or with None remove) what stands at a dotted path of what `get` returns."""

    def mutate(files: Files) -> None:
        at = get(files)
        *parents, last = path.split(".")
        for part in parents:
            at = at[int(part)] if part.isdecimal() else at[part]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return mutate


def node_label(key: str, value: str | None, get: Callable[[Files], Any]) -> Mutation:
    """Select nodes by another value of a label, or with None by none."""

    def mutate(files: Files) -> None:
        selector = get(files)["nodeSelector"]
        if value is None:
            del selector[key]
        else:
            selector[key] = value

    return mutate


def argument(flag: str, value: str | None, get: Callable[[Files], Any]) -> Mutation:
    """Replace an argument, add it where it is missing, or remove it."""

    def mutate(files: Files) -> None:
        container = get(files)
        args = [a for a in container["args"] if a.partition("=")[0] != flag]
        container["args"] = args if value is None else [*args, f"{flag}={value}" if value else flag]

    return mutate


def transfer(edit: Callable[[dict[str, Any]], object], name: str = "decode") -> Mutation:
    """Edit the KV transfer configuration of a role."""

    def mutate(files: Files) -> None:
        flag = "--kv-transfer-config="
        args = server(files, name)["args"]
        (index,) = [i for i, a in enumerate(args) if a.startswith(flag)]
        config = json.loads(args[index].removeprefix(flag))
        edit(config)
        args[index] = flag + json.dumps(config)

    return mutate


def in_file(key: str, edit: Callable[[dict[str, Any]], object]) -> Mutation:
    """Edit a configuration file in the router's ConfigMap."""

    def mutate(files: Files) -> None:
        data = one(files, "ConfigMap", "router")["data"]
        config = yaml.safe_load(data[key])
        edit(config)
        data[key] = yaml.safe_dump(config)

    return mutate


def epp(edit: Callable[[dict[str, Any]], object]) -> Mutation:
    return in_file("picker.yaml", edit)


def manager(edit: Callable[[dict[str, Any]], object]) -> Mutation:
    def inner(config: dict[str, Any]) -> None:
        listener = config["static_resources"]["listeners"][0]
        edit(listener["filter_chains"][0]["filters"][0]["typed_config"])

    return in_file("envoy.yaml", inner)


def clusters(edit: Callable[[list[dict[str, Any]]], object]) -> Mutation:
    return in_file("envoy.yaml", lambda config: edit(config["static_resources"]["clusters"]))


def variable(name: str, value: str | None, role: str = "decode") -> Mutation:
    def mutate(files: Files) -> None:
        env = [v for v in server(files, role)["env"] if v["name"] != name]
        server(files, role)["env"] = env + (
            [] if value is None else [{"name": name, "value": value}]
        )

    return mutate


def add(obj: dict[str, Any]) -> Mutation:
    return lambda files: files["70-router.yaml"].append(obj)


def both(*mutations: Mutation) -> Mutation:
    def mutate(files: Files) -> None:
        for mutation in mutations:
            mutation(files)

    return mutate


def deployment(name: str) -> Callable[[Files], Any]:
    return lambda files: one(files, "Deployment", name)


def service(name: str) -> Callable[[Files], Any]:
    return lambda files: one(files, "Service", name)


def decode(files: Files) -> Any:
    return server(files, "decode")


def prefill(files: Files) -> Any:
    return server(files, "prefill")


def baseline(files: Files) -> Any:
    return server(files, "baseline")


def decode_pod(files: Files) -> Any:
    return pod(files, "decode")


def prefill_pod(files: Files) -> Any:
    return pod(files, "prefill")


NLB = "service.beta.kubernetes.io/aws-load-balancer-"


def annotate(key: str, value: str | None) -> Mutation:
    def mutate(files: Files) -> None:
        annotations = one(files, "Service", "router")["metadata"]["annotations"]
        annotations.pop(f"{NLB}{key}")
        if value is not None:
            annotations[f"{NLB}{key}"] = value

    return mutate


def late_strip(config: dict[str, Any]) -> None:
    config["route_config"]["virtual_hosts"][0]["request_headers_to_remove"] = [
        "x-prefiller-host-port"
    ]


def filter_named(config: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [f["typed_config"] for f in config["http_filters"] if f["name"].endswith(name)]
    return found
