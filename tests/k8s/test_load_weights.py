"""The loader against a hub of our own on loopback and moto's S3: whole and right, or not there."""

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.server import ThreadedMotoServer

PROGRAMS = Path(__file__).resolve().parents[2] / "k8s" / "disagg_k8s" / "programs"
REVISION = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
STORE = f"s3://models/weights/owner/tiny/{REVISION}"
PREFIX = STORE.removeprefix("s3://models/")


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PROGRAMS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


loader, gate = program("load_weights"), program("weights_gate")


@dataclass
class Shelf:
    """A model on the hub, and how the hub behaves."""

    files: dict[str, bytes]
    revision: str = REVISION
    token: str = ""
    break_after: int = 0
    """Bytes after which the first answer for each weights file breaks; 0: never."""
    pause: float = 0.0
    """Between two pieces [s]."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and range of each request for a file."""


def listing(shelf: Shelf) -> bytes:
    siblings = []
    for name, body in shelf.files.items():
        git = hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()
        large = {"lfs": {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}}
        stored = large if name.endswith(".safetensors") else {}
        siblings.append({"rfilename": name, "size": len(body), "blobId": git, **stored})
    return json.dumps({"sha": shelf.revision, "siblings": siblings}).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shelf: Shelf

    def do_GET(self) -> None:
        shelf, (path, _, _) = self.shelf, self.path.partition("?")
        if path.startswith("/cdn/"):
            # Guard: storage behind a hub refuses a request that carries the hub's token.
            self._file(path.removeprefix("/cdn/"), 400 if self.headers["Authorization"] else 200)
        elif shelf.token and self.headers["Authorization"] != f"Bearer {shelf.token}":
            self._answer(401, b"", {})
        elif path == f"/api/models/owner/tiny/revision/{REVISION}":
            self._answer(200, listing(shelf), {})
        elif path.startswith(f"/owner/tiny/resolve/{REVISION}/"):
            self._answer(302, b"", {"Location": f"/cdn/{path.rpartition('/')[2]}"})
        else:
            self._answer(404, b"", {})

    def _file(self, name: str, status: int) -> None:
        shelf, body = self.shelf, self.shelf.files[name]
        asked = self.headers["Range"] or ""
        shelf.asked.append((name, asked))
        start = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
        self.send_response(206 if asked else status)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        breaks = shelf.break_after and not asked and name.endswith(".safetensors")
        end = shelf.break_after if breaks else len(body)
        for at in range(start, end, 64 * 1024):
            time.sleep(shelf.pause)
            self.wfile.write(body[at : min(at + 64 * 1024, end)])
        self.close_connection = True

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shelf() -> Shelf:
    weights = {f"model-0000{n}-of-00002.safetensors": bytes([n]) * 200_000 for n in (1, 2)}
    rest = {"config.json": b"{}", "tokenizer.json": b'{"a": 1}', "LICENSE": b"ours"}
    left = {"original/model.safetensors": b"twice", "model.bin": b"pickle", "run.py": b"code"}
    return Shelf(files={**weights, **rest, **left})


@pytest.fixture
def hub(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(loader, "PAUSE", 0.0)
    handler = type("Mine", (Handler,), {"shelf": shelf})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="models")
        yield client


def run(hub: str, *more: str) -> int:
    code: int = loader.main(["owner/tiny", REVISION, STORE, "--hub", hub, *more])
    return code


def stored(s3: Any) -> dict[str, bytes]:
    found = s3.list_objects_v2(Bucket="models", Prefix=PREFIX).get("Contents", [])
    return {
        one["Key"].removeprefix(f"{PREFIX}/"): s3.get_object(Bucket="models", Key=one["Key"])[
            "Body"
        ].read()
        for one in found
    }


def test_what_vllm_reads_is_copied_and_nothing_else(hub: str, s3: Any, shelf: Shelf) -> None:
    assert run(hub) == 0
    found = stored(s3)
    listed = json.loads(found.pop("disagg-files.json"))
    wanted = {"LICENSE", "config.json", "tokenizer.json"} | {
        f"model-0000{n}-of-00002.safetensors" for n in (1, 2)
    }
    assert found == {name: shelf.files[name] for name in wanted}
    assert (listed["model"], listed["revision"]) == ("owner/tiny", REVISION)
    assert {one["name"] for one in listed["files"]} == wanted


def test_a_second_run_asks_for_no_file_and_writes_nothing(
    hub: str, s3: Any, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(hub) == 0
    s3.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    shelf.asked.clear()
    capsys.readouterr()
    assert run(hub) == 0
    assert shelf.asked == []
    assert "0 files copied" in capsys.readouterr().out
    versions = s3.list_object_versions(Bucket="models")["Versions"]
    assert {one["VersionId"] for one in versions} == {"null"}


def test_large_files_go_in_parts(
    hub: str, s3: Any, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 5 MiB is the smallest part S3 takes.
    monkeypatch.setattr(loader, "PART", 5 * 1024**2)
    body = shelf.files["model-00001-of-00002.safetensors"] = os.urandom(11 * 1024**2 + 17)
    assert run(hub) == 0
    key = f"{PREFIX}/model-00001-of-00002.safetensors"
    found = s3.head_object(Bucket="models", Key=key)
    assert found["ETag"].endswith('-3"')
    assert s3.get_object(Bucket="models", Key=key)["Body"].read() == body


@pytest.mark.parametrize("name", ["model-00002-of-00002.safetensors", "config.json"])
def test_a_wrong_digest_is_refused_and_leaves_no_object(
    hub: str,
    s3: Any,
    shelf: Shelf,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = listing(shelf)
    monkeypatch.setitem(globals(), "listing", lambda _: true)
    shelf.files[name] = bytes(reversed(shelf.files[name][:-1])) + b"x"
    assert run(hub) == 1
    assert f"{name}: got" in capsys.readouterr().out
    found = stored(s3)
    assert name not in found
    assert "disagg-files.json" not in found
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="models")


def test_a_line_that_breaks_is_taken_up_where_it_broke(hub: str, s3: Any, shelf: Shelf) -> None:
    shelf.break_after = 150_000
    assert run(hub) == 0
    assert stored(s3)["model-00001-of-00002.safetensors"] == bytes([1]) * 200_000
    assert ("model-00001-of-00002.safetensors", "bytes=150000-") in shelf.asked


def test_another_revision_than_the_pinned_one_is_refused(
    hub: str, s3: Any, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.revision = "0" * 40
    assert run(hub) == 1
    assert f"asked for {REVISION}" in capsys.readouterr().out
    assert stored(s3) == {}


@pytest.mark.parametrize("secret", ["s3cret", '{"HF_TOKEN": "s3cret"}'])
def test_the_token_of_the_secret_opens_a_gated_model_and_stays_with_the_hub(
    hub: str, s3: Any, shelf: Shelf, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.token = json.loads(secret)["HF_TOKEN"] if secret[0] == "{" else secret
    assert run(hub) == 1
    assert "accept its licence" in capsys.readouterr().out
    boto3.client("secretsmanager").create_secret(Name="disagg/token", SecretString=secret)
    assert run(hub, "--token-secret", "disagg/token") == 0
    assert "s3cret" not in capsys.readouterr().out
    assert len(stored(s3)) == 6


def test_the_gate_opens_when_the_model_is_whole_and_not_before(
    hub: str, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate.main(STORE) == 1
    assert "has not finished" in capsys.readouterr().out
    assert run(hub) == 0
    assert gate.main(STORE) == 0
    s3.put_object(Bucket="models", Key=f"{PREFIX}/config.json", Body=b"")
    s3.delete_object(Bucket="models", Key=f"{PREFIX}/LICENSE")
    capsys.readouterr()
    assert gate.main(STORE) == 1
    said = capsys.readouterr().out
    assert "config.json: 0 of 2 B" in said
    assert "LICENSE: 0 of 4 B" in said


def test_loader_and_gate_name_the_list_alike() -> None:
    assert loader.LIST == gate.LIST


@pytest.mark.slow
def test_a_killed_run_is_taken_up_by_the_next(hub: str, shelf: Shelf) -> None:
    shelf.files = {name: body for name, body in shelf.files.items() if "/" not in name}
    shelf.files["model-00002-of-00002.safetensors"] = os.urandom(4_000_000)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    url = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=url, **keys)
    try:
        client.create_bucket(Bucket="models")
        command = [sys.executable, str(PROGRAMS / "load_weights.py"), "owner/tiny", REVISION, STORE]
        given = {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        }
        shelf.pause = 0.1
        first = subprocess.Popen([*command, "--hub", hub], env=given, stdout=subprocess.DEVNULL)
        small = "model-00001-of-00002.safetensors"
        deadline = time.monotonic() + 30
        while small not in stored(client) and time.monotonic() < deadline:
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        before = stored(client)
        assert small in before
        assert "model-00002-of-00002.safetensors" not in before
        shelf.pause = 0.0
        shelf.asked.clear()
        subprocess.run([*command, "--hub", hub], env=given, check=True, timeout=60)
        asked = {name for name, _ in shelf.asked}
        assert small not in asked
        assert "model-00002-of-00002.safetensors" in asked
        assert (
            stored(client)["model-00002-of-00002.safetensors"]
            == shelf.files["model-00002-of-00002.safetensors"]
        )
    finally:
        server.stop()
