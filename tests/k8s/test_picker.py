"""llm-d's own endpoint picker starts with the rendered configuration, and reads our catalogue."""

import copy
import functools
import subprocess
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifest_edits import PRECISE, rendered_precise
from shipped import checked

import disagg_k8s
from disagg.catalog.router_plugins import JsonType, router_plugins
from disagg.checks.manifests import check_manifests

ENDPOINTS = """\
endpoints:
- {name: p, namespace: v, address: 127.0.0.1, port: "8100", labels: {llm-d.ai/role: prefill}}
- {name: d, namespace: v, address: 127.0.0.1, port: "8000", labels: {llm-d.ai/role: decode}}
"""
FLAGS = (
    *(
        "--pool-name=v",
        "--pool-namespace=v",
        "--secure-serving=false",
        "--metrics-endpoint-auth=false",
    ),
    *("--grpc-port=0", "--grpc-health-port=0", "--metrics-port=0", "--tracing=false"),
)
EXPERIMENTAL = "--allow-experimental-plugins"
STARTED = '"gRPC server listening","name":"ext-proc"'
NOW = router_plugins("0.10.0")


@pytest.fixture
def binary(root: Path) -> Path:
    path = root / ".cache" / "bin" / "epp"
    if not path.exists():
        pytest.skip(
            f"{path} is not built: the rendered configuration was not started by the real picker"
        )
    return path


def config(**router: Any) -> dict[str, Any]:
    """Return a rendered configuration, with what the picker is started with under `args`."""
    environment = checked("pilot", serving__router=router).environment
    found = disagg_k8s.render(environment)["70-router.yaml"]
    (text,) = [one["data"]["picker.yaml"] for one in found if one["kind"] == "ConfigMap"]
    (pod,) = [one for one in found if one["kind"] == "Deployment"]
    args = pod["spec"]["template"]["spec"]["containers"][0]["args"]
    parsed: dict[str, Any] = yaml.safe_load(text)
    # Why: without a cluster the picker learns its pods from a file; nothing else differs.
    parsed["plugins"].append({"type": "file-discovery", "parameters": {"path": "endpoints.yaml"}})
    parsed.setdefault("dataLayer", {})["discovery"] = {"pluginRef": "file-discovery"}
    parsed["args"] = [a for a in args if a.startswith(EXPERIMENTAL)]
    return parsed


def said(binary: Path, folder: Path, parsed: dict[str, Any]) -> str:
    """Return what the picker logs until it serves or ends, at most 20 s."""
    args = parsed.pop("args")
    (folder / "endpoints.yaml").write_text(ENDPOINTS, encoding="utf-8")
    (folder / "epp.yaml").write_text(yaml.safe_dump(parsed), encoding="utf-8")
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [binary, "--config-file=epp.yaml", *FLAGS, *args],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 20
        while (
            time.monotonic() < deadline
            and process.poll() is None
            and STARTED not in log.read_text()
        ):
            time.sleep(0.02)
        process.kill()
        process.wait()
    return log.read_text()


AXES = {
    "policy": ("load_aware", "prefix_aware", "prefix_precise"),
    "decider": ("always_disaggregate", "prefix_based"),
    "flow_control": (None, {}, {"queue_seconds": 5, "max_requests": 100}),
    "session_header": (None, "x-session-id"),
}
ROUTERS = [dict(zip(AXES, values, strict=True)) for values in product(*AXES.values())]


@pytest.mark.slow
@pytest.mark.parametrize("router", ROUTERS, ids=lambda one: "-".join(map(str, one.values())))
def test_the_real_picker_starts(binary: Path, tmp_path: Path, router: dict[str, Any]) -> None:
    log = said(binary, tmp_path, config(**router))
    assert STARTED in log
    assert "deprecat" not in log.lower()


def test_the_real_picker_starts_with_plugins_of_the_file(binary: Path, tmp_path: Path) -> None:
    more = [
        {"type": "lora-affinity-scorer", "weights": {"prefill": 1, "decode": 0.5}},
        {"type": "approx-prefix-cache-producer", "parameters": {"lruCapacityPerServer": 1_000}},
        {"type": "context-length-aware", "parameters": {"label": "x"}, "weights": {"decode": 1}},
    ]
    assert STARTED in said(binary, tmp_path, config(plugins=more))


def test_the_real_picker_refuses_an_unknown_parameter(binary: Path, tmp_path: Path) -> None:
    parsed = config()
    parsed["plugins"][0]["parameters"]["bogus"] = 1
    assert STARTED not in said(binary, tmp_path, parsed)


def test_the_real_picker_refuses_a_session_scorer_unasked(binary: Path, tmp_path: Path) -> None:
    parsed = config(session_header="x-session-id")
    assert parsed["args"] == [f"{EXPERIMENTAL}=true"]
    parsed["args"] = []
    assert STARTED not in said(binary, tmp_path, parsed)


def named(parsed: dict[str, Any], name: str) -> dict[str, Any]:
    plugins: list[dict[str, Any]] = parsed["plugins"]
    (found,) = [p for p in plugins if p.get("name", p["type"]) == name]
    return found


SILENT: dict[str, Callable[[dict[str, Any]], object]] = {
    "DISAGG-RTR-010": lambda c: c["schedulingProfiles"].pop(0),
    "DISAGG-RTR-012": lambda c: c["schedulingProfiles"][0]["plugins"][0].update(weight=1),
    "DISAGG-RTR-015": lambda c: c["plugins"].remove(named(c, "approx-prefix-cache-producer")),
    "DISAGG-RTR-017": lambda c: named(c, "prefix-cache-scorer").pop("parameters"),
    "DISAGG-RTR-018": lambda c: c["plugins"].remove(named(c, "token-producer")),
    "DISAGG-RTR-019": lambda c: named(c, "utilization-detector").pop("parameters"),
    "DISAGG-RTR-020": lambda c: c.pop("featureGates"),
    "DISAGG-RTR-021": lambda c: named(c, "session-prefill")["parameters"].pop("profileName"),
}
"""What to take away so that the picker starts, says nothing, and does something else."""


@pytest.mark.slow
@pytest.mark.parametrize("code", SILENT)
def test_the_real_picker_accepts_in_silence_what_our_rules_find(
    binary: Path, tmp_path: Path, code: str
) -> None:
    parsed = config(
        policy="prefix_precise",
        decider="prefix_based",
        flow_control={},
        session_header="x-session-id",
    )
    assert code not in codes(parsed)
    SILENT[code](parsed)
    assert code in codes(parsed)
    assert STARTED in said(binary, tmp_path, parsed)


def codes(parsed: dict[str, Any]) -> set[str]:
    """Return what our rules say of a configuration in the rendering it came from."""
    files = copy.deepcopy(rendered_precise())
    (one,) = [o for o in files["70-router.yaml"] if o["kind"] == "ConfigMap"]
    own = {key: value for key, value in parsed.items() if key != "args"}
    own["plugins"] = [p for p in own["plugins"] if p["type"] != "file-discovery"]
    one["data"]["picker.yaml"] = yaml.safe_dump(own)
    return {problem.code for problem in check_manifests(files, PRECISE)}


WRONG: dict[JsonType, Any] = {
    JsonType.STRING: [],
    JsonType.INTEGER: "text",
    JsonType.NUMBER: "text",
    JsonType.BOOLEAN: "text",
    JsonType.OBJECT: "text",
    JsonType.LIST: "text",
}
ASKED = sorted(name for name, row in NOW.items() if row.parameters)


@pytest.mark.slow
@pytest.mark.parametrize("type_", ASKED)
def test_the_real_picker_reads_the_parameters_of_the_catalogue(
    binary: Path, tmp_path: Path, type_: str
) -> None:
    for name, wanted in NOW[type_].parameters.items():
        log = said(binary, tmp_path, alone(type_, {name: WRONG[wanted]}))
        assert STARTED not in log, name
        # Why not "unknown field" alone: one plugin tries an older form too, and tells of both.
        assert "cannot unmarshal" in log or "unknown field" not in log, name
    log = said(binary, tmp_path, alone(type_, {"bogus": 1}))
    assert STARTED not in log
    assert "bogus" in log


@pytest.mark.slow
def test_the_real_picker_has_every_plugin_of_the_catalogue(binary: Path, tmp_path: Path) -> None:
    for type_ in NOW:
        log = said(binary, tmp_path, alone(type_, {}))
        assert "is not registered" not in log, type_
    assert "is not registered" in said(binary, tmp_path, alone("sglanghttp-parser", {}))


@functools.cache
def plain() -> dict[str, Any]:
    return config()


def alone(type_: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the plain configuration with one plugin more, under a name of its own."""
    parsed = copy.deepcopy(plain())
    parsed["plugins"].append({"name": "asked", "type": type_, "parameters": parameters})
    parsed["args"] = [f"{EXPERIMENTAL}=true"]
    return parsed
