"""Copy one revision of a model from a hub to an S3 prefix: checked, resumable, once.

    python3 load_weights.py MODEL REVISION s3://BUCKET/PREFIX

Runs in the server image, as the Job of `25-model-loading.yaml`: standard library and boto3, nothing
else. Each file streams from the hub into a multipart upload while its digest is counted, and the
upload is completed only when the digest is the one that the hub's commit names. So an object that
is there is right, a killed run goes on with the files it had not finished, and a run with nothing
to do does nothing. The list of all files is written last: who finds it finds a whole model.
"""

import argparse
import hashlib
import http.client
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

import boto3

HUB = "https://huggingface.co"
LIST = "disagg-files.json"
SUFFIXES = (".safetensors", ".json", ".jinja", ".txt", ".model", ".tiktoken")
"""What vLLM reads of a model. Not copied: folders (gpt-oss keeps its weights three times, and a
streamer that lists the prefix would read them all), pickles, and code."""
PART = 64 * 1024 * 1024
"""Size of one part of an upload [B]; S3 takes 10,000 of them for an object."""
PIECE = 1024 * 1024
FILES_AT_ONCE = 4
TRIES = 6
PAUSE = 2.0
"""Before the first new try [s]; each further one waits that much longer."""
DIGEST = "disagg-digest"
"""Metadata of an object: the digest its content had."""


class File(TypedDict):
    """One file of a revision."""

    name: str
    size: int
    digest: str
    """`sha256:` of a large file, `git:` and git's SHA-1 of a small one: what the hub gives."""


class RefusedError(Exception):
    """The hub did not give what was asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Copy, say what was done, and return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("revision")
    parser.add_argument("store")
    parser.add_argument("--hub", default=HUB)
    parser.add_argument("--token-secret", default="", help="name of a secret in Secrets Manager")
    given = parser.parse_args(arguments)
    name = given.token_secret
    token = read_token(boto3.client("secretsmanager"), name) if name else ""
    hub = Hub(given.hub, given.model, given.revision, token)
    try:
        copied = load(hub, boto3.client("s3"), given.store)
    except (RefusedError, OSError) as error:
        say(str(error))
        return 1
    say(f"{len(copied)} files copied, {given.store} is whole")
    return 0


def read_token(secrets: Any, name: str) -> str:
    """Return the token of a secret: all of it, or its key HF_TOKEN."""
    text = str(secrets.get_secret_value(SecretId=name)["SecretString"]).strip()
    return str(json.loads(text)["HF_TOKEN"]) if text.startswith("{") else text


class Hub:
    """One revision of a model on a hub that speaks Hugging Face's protocol."""

    def __init__(self, url: str, model: str, revision: str, token: str = "") -> None:
        self.url, self.model, self.revision = url.rstrip("/"), model, revision
        self._token = token

    def files(self) -> list[File]:
        """Return the files of the revision by name.

        Raises:
            RefusedError: The hub answers for another revision.
        """
        path = f"api/models/{self.model}/revision/{self.revision}?blobs=true"
        with self._open(path, {}) as answer:
            found = json.load(answer)
        if found.get("sha") != self.revision:
            raise RefusedError(f"asked for {self.revision}, the hub answers {found.get('sha')}")
        return sorted(map(_file, found["siblings"]), key=lambda one: one["name"])

    def pieces(self, one: File) -> Iterator[bytes]:
        """Yield the bytes of a file; a line that breaks is taken up where it broke.

        Raises:
            RefusedError: It broke too often, or the hub does not go on where it broke.
        """
        path = f"{self.model}/resolve/{self.revision}/{urllib.parse.quote(one['name'])}"
        done, left = 0, TRIES
        while done < one["size"]:
            broken: object = "the line ended early"
            try:
                with self._open(path, {"Range": f"bytes={done}-"} if done else {}) as answer:
                    if done and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                        raise RefusedError(f"{one['name']}: no more from byte {done} on")
                    while piece := answer.read(PIECE):
                        done, left = done + len(piece), TRIES
                        yield piece
            except (OSError, http.client.HTTPException) as error:
                broken = error
            if done < one["size"]:
                left -= 1
                if not left:
                    raise RefusedError(f"{one['name']}: {broken}, {TRIES} times at byte {done}")
                time.sleep(PAUSE * (TRIES - left))

    def _open(self, path: str, headers: dict[str, str]) -> Any:
        asked = urllib.request.Request(f"{self.url}/{path}", headers=headers)
        if self._token:
            # Guard: not sent on to the storage a hub redirects to, which refuses a second key.
            asked.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            return urllib.request.urlopen(asked, timeout=60)
        except urllib.error.HTTPError as error:
            if error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            no_key = error.code in {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN}
            hint = ": accept its licence, and give a token that may read it" if no_key else ""
            raise RefusedError(f"{self.model}: the hub answers {error.code}{hint}") from error


def _file(sibling: dict[str, Any]) -> File:
    stored = sibling.get("lfs")
    digest = f"sha256:{stored['sha256']}" if stored else f"git:{sibling['blobId']}"
    return {"name": sibling["rfilename"], "size": sibling["size"], "digest": digest}


def wanted(name: str) -> bool:
    """Return whether vLLM needs a file of the model's repository."""
    return "/" not in name and (name.endswith(SUFFIXES) or name == "LICENSE")


def load(hub: Hub, s3: Any, store: str) -> list[str]:
    """Copy what the store lacks of a revision, and return the names of what was copied.

    Raises:
        RefusedError: A file is not there, or is not what the commit says.
    """
    address = urllib.parse.urlsplit(store)
    bucket, prefix = address.netloc, address.path.strip("/")
    files = [one for one in hub.files() if wanted(one["name"])]
    if not any(one["name"].endswith(".safetensors") for one in files):
        raise RefusedError(f"{hub.model} has no .safetensors file at {hub.revision}")

    there = _sizes(s3, bucket, f"{prefix}/")

    def copy(one: File) -> str:
        about = {"Bucket": bucket, "Key": f"{prefix}/{one['name']}"}
        if there.get(about["Key"]) == one["size"] and _digest(s3, about) == one["digest"]:
            return ""
        say(f"copying {one['name']}, {one['size']:,} bytes")
        _upload(s3, about, one, hub.pieces(one))
        return one["name"]

    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        copied = [name for name in pool.map(copy, files) if name]
    body = json.dumps({"model": hub.model, "revision": hub.revision, "files": files}).encode()
    listed = {"Bucket": bucket, "Key": f"{prefix}/{LIST}"}
    if listed["Key"] not in there or s3.get_object(**listed)["Body"].read() != body:
        s3.put_object(**listed, Body=body)
    return copied


def _sizes(s3: Any, bucket: str, prefix: str) -> dict[str, int]:
    """Return the sizes of what the store has, by key.

    Why not ask for each object: S3 answers 403, not 404, for one that is not there, to who may list
    a prefix only.
    """
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}


def _digest(s3: Any, about: dict[str, str]) -> str:
    """Return the digest an object's content had when it was written; empty if nobody said."""
    return str(s3.head_object(**about)["Metadata"].get(DIGEST, ""))


def _upload(s3: Any, about: dict[str, str], one: File, pieces: Iterable[bytes]) -> None:
    """Write an object, whole and right or not at all.

    S3 checks each part against the CRC the SDK sends with it, and wants to see them all again.
    """
    checked = {"ChecksumAlgorithm": "CRC32"}
    opened = s3.create_multipart_upload(**about, **checked, Metadata={DIGEST: one["digest"]})
    upload = about | {"UploadId": opened["UploadId"]}
    parts = []
    try:
        for number, body in enumerate(_checked(one, pieces), start=1):
            sent = s3.upload_part(**upload, **checked, PartNumber=number, Body=body)
            answered = {key: sent[key] for key in ("ETag", "ChecksumCRC32") if key in sent}
            parts.append({"PartNumber": number} | answered)
    except BaseException:
        s3.abort_multipart_upload(**upload)
        raise
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def _checked(one: File, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the file in parts, the last of them after its digest was found right."""
    kind, _, need = one["digest"].partition(":")
    if kind == "sha256":
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(f"blob {one['size']}\0".encode(), usedforsecurity=False)
    waiting = bytearray()
    size = 0
    for piece in pieces:
        digest.update(piece)
        waiting += piece
        size += len(piece)
        if len(waiting) > PART:
            yield bytes(waiting[:PART])
            del waiting[:PART]
    if (size, digest.hexdigest()) != (one["size"], need):
        got = f"{size:,} bytes, {kind} {digest.hexdigest()}"
        raise RefusedError(f"{one['name']}: got {got}; need {one['size']:,} bytes, {kind} {need}")
    yield bytes(waiting)


def say(line: str) -> None:
    """Write a line of the log."""
    print(f"model loading: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
