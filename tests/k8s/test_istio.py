"""Istio's hardening on a listener as istiod makes it, in the real Envoy, with requests."""

import http.client
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from shipped import checked

import disagg_k8s
from disagg.checks.engines import validate_envoy

Json = dict[str, Any]
CERTIFICATE = "arn:aws:acm:us-west-2:123456789012:certificate/6f1c0a7e-2d35-4e0b-9c53-3a0b8d1f2e44"
FORGED = {
    "x-prefiller-host-port": "203.0.113.7:80",
    "x-encoder-hosts-ports": "203.0.113.7:80",
    "x-data-parallel-host-port": "203.0.113.7:80",
    "x-kv-cache-source-host-port": "203.0.113.7:80",
    "x-gateway-destination-endpoint": "203.0.113.7:80",
}
EXTENSIONS = "type.googleapis.com/envoy.extensions.filters."
MANAGER = "envoy.filters.network.http_connection_manager"


def patches(**more: Any) -> list[Json]:
    environment = checked("pilot", serving__gateway={"kind": "istio", **more}).environment
    (found,) = [
        one
        for one in disagg_k8s.render(environment)["80-gateway.yaml"]
        if one["kind"] == "EnvoyFilter"
    ]
    given: list[Json] = found["spec"]["configPatches"]
    return given


def http_filter(name: str, kind: str, **config: Any) -> Json:
    typed = {"@type": f"{EXTENSIONS}http.{name}.v3.{kind}", **config}
    return {"name": f"envoy.filters.http.{name}", "typed_config": typed}


def as_istiod_makes_it(port: int, backend: int) -> Json:
    """Return a bootstrap with a gateway's listener: istio 1.30.3, core/listener_builder.go.

    The call to the picker is there and skipped, as on a route without a pool.
    """
    away = {"envoy_grpc": {"cluster_name": "dummy"}}
    skipped = {"request_header_mode": "SKIP", "response_header_mode": "SKIP"}
    manager = {
        "@type": f"{EXTENSIONS}network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "outbound_0.0.0.0_8081",
        "normalize_path": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "use_remote_address": True,
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "inference",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/v1"}, "route": {"cluster": "pool"}}],
                }
            ]
        },
        "http_filters": [
            http_filter(
                "ext_proc",
                "ExternalProcessor",
                grpc_service=away,
                failure_mode_allow=True,
                processing_mode=skipped,
            ),
            http_filter("cors", "Cors"),
            http_filter("router", "Router"),
        ],
    }

    def cluster(name: str, at: int) -> Json:
        endpoint = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": at}}}
        groups = [{"lb_endpoints": [{"endpoint": endpoint}]}]
        return {
            "name": name,
            "type": "STATIC",
            "load_assignment": {"cluster_name": name, "endpoints": groups},
        }

    listener = {
        "name": "0.0.0.0_8081",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": MANAGER, "typed_config": manager}]}],
    }
    clusters = [cluster("pool", backend), cluster("dummy", 1)]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def merged(one: Any, other: Any) -> Any:
    """Return what protobuf's merge makes: maps are merged, lists appended, the rest replaced."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            key: merged(one[key], other[key])
            if key in one and key in other
            else one.get(key, other.get(key))
            for key in {**one, **other}
        }
    return [*one, *other] if isinstance(one, list) and isinstance(other, list) else other


def laid_over(bootstrap: Json, given: list[Json]) -> Json:
    """Return a bootstrap after an EnvoyFilter, as Istio's reference says it is applied."""
    (listener,) = bootstrap["static_resources"]["listeners"]
    for one in given:
        value, where = one["patch"]["value"], one["applyTo"]
        if where == "LISTENER":
            listener = merged(listener, value)
            continue
        network = listener["filter_chains"][0]["filters"][0]
        assert one["match"]["listener"]["filterChain"]["filter"]["name"] == network["name"]
        if where == "NETWORK_FILTER":
            assert value["typed_config"]["@type"] == network["typed_config"]["@type"]
            listener["filter_chains"][0]["filters"][0] = merged(network, value)
        else:
            assert (where, one["patch"]["operation"]) == ("HTTP_FILTER", "INSERT_FIRST")
            network["typed_config"]["http_filters"].insert(0, value)
    return {"static_resources": {**bootstrap["static_resources"], "listeners": [listener]}}


@pytest.mark.parametrize("certificate", [None, CERTIFICATE])
def test_envoy_takes_the_listener_with_its_hardening(certificate: str | None) -> None:
    given = {"certificate_arn": certificate} if certificate else {}
    bootstrap = laid_over(as_istiod_makes_it(8081, 8000), patches(**given))
    assert validate_envoy(yaml.safe_dump(bootstrap)) == []
    (listener,) = bootstrap["static_resources"]["listeners"]
    assert ("socket_options" in listener) is bool(certificate)


def test_the_picker_is_asked_after_the_size_is_known_and_answers_are_looked_at_last() -> None:
    bootstrap = laid_over(as_istiod_makes_it(8081, 8000), patches())
    (listener,) = bootstrap["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    names = [one["name"].rpartition(".")[2] for one in manager["http_filters"]]
    assert names == ["header_mutation", "buffer", "ext_proc", "cors", "router"]
    assert manager["stream_idle_timeout"] == "600s"


class Pod(http.server.BaseHTTPRequestHandler):
    """A model server that answers with the headers it got."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("x-went-into-resp-headers", "true")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    return port


def started(given: list[Json], directory: Path) -> Iterator[int]:
    binary = Path(sys.executable).parent / "envoy"
    if not binary.exists():
        pytest.skip("envoy is not installed (extra `check`): the proxy was not started")
    pod = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pod)
    threading.Thread(target=pod.serve_forever, daemon=True).start()
    port = free_port()
    path = directory / "envoy.yaml"
    bootstrap = laid_over(as_istiod_makes_it(port, pod.server_port), given)
    path.write_text(yaml.safe_dump(bootstrap), encoding="utf-8")
    arguments = ["--config-path", str(path), "--disable-hot-restart", "--concurrency", "1"]
    process = subprocess.Popen(
        [binary, *arguments, "--log-level", "error"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield port
    process.terminate()
    process.wait()
    pod.shutdown()
    pod.server_close()


@pytest.fixture(scope="module")
def hardened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    yield from started(patches(), tmp_path_factory.mktemp("hardened"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    yield from started([], tmp_path_factory.mktemp("bare"))


Answer = tuple[int, dict[str, str], dict[str, str]]


def post(port: int, path: str, body: bytes = b"{}", **headers: str) -> Answer:
    """Return status, headers of the answer, and the headers the pod got."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(
            "POST", path, body, {k.replace("__", "_"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        text = answer.read()
        got = json.loads(text) if answer.status == 200 else {}
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, got
    finally:
        connection.close()


def test_no_routing_header_of_a_client_reaches_a_pod_and_others_do(hardened: int) -> None:
    status, _, got = post(hardened, "/v1/completions", **FORGED, **{"x-team": "a"})
    assert status == 200
    assert not got.keys() & FORGED.keys()
    assert got["x-team"] == "a"


def test_without_the_hardening_every_one_does(bare: int) -> None:
    _, _, got = post(bare, "/v1/completions", **FORGED)
    assert got.keys() >= FORGED.keys()


def test_what_the_picker_adds_to_answers_is_hidden(hardened: int, bare: int) -> None:
    assert "x-went-into-resp-headers" not in post(hardened, "/v1/completions")[1]
    assert "x-went-into-resp-headers" in post(bare, "/v1/completions")[1]


@pytest.mark.parametrize("path", ["/v1%2f..%2fmetrics", "/v1/%5c../metrics"])
def test_escaped_slashes_are_refused(hardened: int, bare: int, path: str) -> None:
    assert post(hardened, path)[0] == 400
    assert post(bare, path)[0] != 400


@pytest.mark.parametrize("path", ["/metrics", "//metrics", "/v1/../metrics", "/"])
def test_other_paths_are_404(hardened: int, path: str) -> None:
    assert post(hardened, path)[0] == 404


def test_a_body_of_9_mib_is_taken_and_one_of_11_is_not(hardened: int) -> None:
    assert post(hardened, "/v1/completions", b"x" * (9 * 1024 * 1024))[0] == 200
    try:
        status = post(hardened, "/v1/completions", b"x" * (11 * 1024 * 1024))[0]
    except (BrokenPipeError, ConnectionResetError):
        status = 413  # Guard: Envoy may answer and close while the body is still being sent.
    assert status == 413


def test_headers_with_underscores_are_refused(hardened: int) -> None:
    assert post(hardened, "/v1/completions", x__prefiller_host_port="a")[0] == 400
