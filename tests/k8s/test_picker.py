"""llm-d's own endpoint picker starts with the rendered configuration."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from shipped import checked

import disagg_k8s

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
STARTED = '"gRPC server listening","name":"ext-proc"'


@pytest.fixture
def binary(root: Path) -> Path:
    path = root / ".cache" / "bin" / "epp"
    if not path.exists():
        pytest.skip(
            f"{path} is not built: the rendered configuration was not started by the real picker"
        )
    return path


def config(policy: str) -> dict[str, Any]:
    environment = checked("pilot", serving__router={"policy": policy}).environment
    found = disagg_k8s.render(environment)["70-router.yaml"]
    (text,) = [one["data"]["picker.yaml"] for one in found if one["kind"] == "ConfigMap"]
    parsed: dict[str, Any] = yaml.safe_load(text)
    # Why: without a cluster the picker learns its pods from a file; nothing else differs.
    parsed["plugins"].append({"type": "file-discovery", "parameters": {"path": "endpoints.yaml"}})
    parsed["dataLayer"] = {"discovery": {"pluginRef": "file-discovery"}}
    return parsed


def said(binary: Path, folder: Path, parsed: dict[str, Any]) -> str:
    """Return what the picker logs until it serves or ends, at most 10 s."""
    (folder / "endpoints.yaml").write_text(ENDPOINTS, encoding="utf-8")
    (folder / "epp.yaml").write_text(yaml.safe_dump(parsed), encoding="utf-8")
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [binary, "--config-file=epp.yaml", *FLAGS],
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 10
        while (
            time.monotonic() < deadline
            and process.poll() is None
            and STARTED not in log.read_text()
        ):
            time.sleep(0.02)
        process.kill()
        process.wait()
    return log.read_text()


@pytest.mark.parametrize("policy", ["prefix_aware", "load_aware"])
def test_the_real_picker_starts(binary: Path, tmp_path: Path, policy: str) -> None:
    assert STARTED in said(binary, tmp_path, config(policy))


def test_the_real_picker_refuses_an_unknown_parameter(binary: Path, tmp_path: Path) -> None:
    parsed = config("prefix_aware")
    parsed["plugins"][0]["parameters"]["bogus"] = 1
    assert STARTED not in said(binary, tmp_path, parsed)
