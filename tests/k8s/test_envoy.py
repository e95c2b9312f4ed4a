"""The real Envoy on the rendered configuration and arguments, with no picker behind it."""

import http.client
import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shipped import checked

import disagg_k8s

NAMED = {"proxy": 8081, "ready": 19001, "admin": 19000, "picker": 9002, "health": 9003}
Ports = dict[str, int]


def free_ports() -> Ports:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in NAMED]
    ports = {name: one.getsockname()[1] for name, one in zip(NAMED, sockets, strict=True)}
    for one in sockets:
        one.close()
    return ports


def get(port: int, path: str, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def lives(port: int) -> bool:
    try:
        return get(port, "/live") == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    binary = Path(sys.executable).parent / "envoy"
    if not binary.exists():
        pytest.skip("envoy is not installed (extra `check`): the proxy was not started")
    found = {
        o["kind"]: o for o in disagg_k8s.render(checked("pilot").environment)["70-router.yaml"]
    }
    ports = free_ports()
    text = found["ConfigMap"]["data"]["envoy.yaml"]
    for name, number in NAMED.items():
        text = text.replace(f"port_value: {number}\n", f"port_value: {ports[name]}\n")
    path = tmp_path_factory.mktemp("envoy") / "envoy.yaml"
    path.write_text(text, encoding="utf-8")
    container: dict[str, Any] = found["Deployment"]["spec"]["template"]["spec"]["containers"][1]
    assert container["command"] == ["envoy"]
    args = [a.replace("/etc/disagg/envoy.yaml", str(path)) for a in container["args"]]
    process = subprocess.Popen(
        [binary, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while not lives(ports["ready"]):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield ports
    process.terminate()
    process.wait()


@pytest.fixture
def attacker() -> Iterator[http.server.HTTPServer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.hits += 1  # type: ignore[attr-defined]
            self.send_response(200)
            self.end_headers()

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.hits = 0  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_proxy_without_its_picker_lives_and_is_not_ready(envoy: Ports) -> None:
    assert get(envoy["ready"], "/live") == 200
    assert get(envoy["ready"], "/ready") == 503


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/health", "/v1", "/v2/models", "/v1/../metrics"]
)
def test_paths_outside_the_api_are_answered_404_without_the_picker(envoy: Ports, path: str) -> None:
    assert get(envoy["proxy"], path) == 404


@pytest.mark.parametrize("path", ["/v1%2f..%2fmetrics", "/v1/%5c../metrics"])
def test_escaped_slashes_are_refused(envoy: Ports, path: str) -> None:
    # Why 500 too: the refusal itself passes the picker, which is away here.
    assert get(envoy["proxy"], path) in {400, 404, 500}


def test_the_admin_interface_stays_inside_the_pod(envoy: Ports) -> None:
    assert get(envoy["ready"], "/stats/prometheus") == 200
    assert get(envoy["ready"], "/config_dump") == 404
    assert get(envoy["ready"], "/quitquitquit") == 404


def test_requests_fail_closed_and_a_forged_destination_is_never_reached(
    envoy: Ports, attacker: http.server.HTTPServer
) -> None:
    address = f"127.0.0.1:{attacker.server_port}"
    forged = {
        "x-gateway-destination-endpoint": address,
        "x-prefiller-host-port": address,
        "x-envoy-original-dst-host": address,
    }
    assert get(envoy["proxy"], "/v1/models", **forged) >= 500
    assert get(envoy["proxy"], "/v1/models") >= 500
    assert attacker.hits == 0  # type: ignore[attr-defined]
