"""A small client of the Kubernetes API: strict apply, strict create, discovery, warnings."""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from disagg.errors import DisaggError

Object = Mapping[str, Any]
_T = TypeVar("_T")
FIELD_MANAGER = "disagg"
_OK = range(200, 300)
_TIMEOUT_SECONDS = 60
_POLL_SECONDS = 0.05


class UnknownKindError(DisaggError):
    """The server has no such kind: its CustomResourceDefinition is missing or another version."""


class ApiError(DisaggError):
    """The server refused what must not fail."""


class StillWaitingError(DisaggError):
    """Something did not happen in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: Any
    """The parsed JSON, else the text."""
    warnings: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the server did what was asked."""
        return self.status in _OK

    @property
    def message(self) -> str:
        """Return the server's own words; empty when it accepted."""
        if self.accepted:
            return ""
        if isinstance(self.body, dict):
            return str(self.body.get("message", self.body))
        return str(self.body).strip()


class Api:
    """One user's view of one API server, over one kept connection."""

    def __init__(
        self, port: int, certificate: Path, token: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self._port, self._certificate, self._token = port, certificate, token
        self._headers = dict(headers or {})
        self._context = ssl.create_default_context(cafile=str(certificate))
        self._connection: http.client.HTTPSConnection | None = None
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def impersonating(self, user: str) -> "Api":
        """Return the same server as `user` sees it; service accounts get their groups."""
        headers = {"Impersonate-User": user}
        return Api(self._port, self._certificate, self._token, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        **query: str,
    ) -> Answer:
        """Send one request and return what the server says, whatever it is.

        Raises:
            ApiError: There is no answer.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self._token}",
            "Content-Type": content_type,
            **self._headers,
        }
        try:
            try:
                return self._send(method, target, data, headers)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # Why: the server closed the kept connection while it was idle; a fresh one works.
                self.close()
                return self._send(method, target, data, headers)
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(f"the server does not answer {method} {path}: {error}") from error

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, path: str) -> dict[str, Any]:
        """Return what is at a path.

        Raises:
            ApiError: The server refused.
        """
        return self.must(self.request("GET", path))

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return the objects of a list.

        Raises:
            ApiError: The server refused.
        """
        found: list[dict[str, Any]] = self.get(path).get("items") or []
        return found

    def apply(self, one: Object, *, dry_run: bool = False) -> Answer:
        """Apply an object on the server's side, every field known to its schema.

        Raises:
            UnknownKindError: The server has no such kind.
        """
        query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        path = f"{self.path(one)}/{quote(one['metadata']['name'], safe='')}"
        return self.request(
            "PATCH", path, one, content_type="application/apply-patch+yaml", **query
        )

    def create(self, one: Object | bytes, path: str = "", *, dry_run: bool = False) -> Answer:
        """Create an object, strictly: unknown and double fields are refused.

        Args:
            one: The object, or its raw YAML; then `path` is needed.
            path: Where; found by discovery when empty.
            dry_run: Let everything judge it, but keep nothing.

        Raises:
            UnknownKindError: The server has no such kind.
        """
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        if isinstance(one, bytes):
            return self.request("POST", path, one, content_type="application/yaml", **query)
        return self.request("POST", path or self.path(one), one, **query)

    def patch(self, path: str, changes: Object, *, dry_run: bool = False) -> Answer:
        """Merge changes into what is at a path, as autoscalers and `kubectl scale` do."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        kind = "application/merge-patch+json"
        return self.request("PATCH", path, changes, content_type=kind, **query)

    def delete(self, path: str, *, grace_seconds: int | None = None) -> Answer:
        """Delete what is at a path."""
        more = {} if grace_seconds is None else {"gracePeriodSeconds": str(grace_seconds)}
        return self.request("DELETE", path, **more)

    def path(self, one: Object) -> str:
        """Return the path of the list an object belongs to.

        Raises:
            UnknownKindError: The server has no such kind.
        """
        version, kind = one["apiVersion"], one["kind"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._kinds:
            self._discover(version, base)
        if (version, kind) not in self._kinds:
            raise UnknownKindError(f"the server has no kind {kind} in {version}")
        plural, namespaced = self._kinds[version, kind]
        namespace = one["metadata"].get("namespace", "default")
        return f"{base}/namespaces/{namespace}/{plural}" if namespaced else f"{base}/{plural}"

    def versions_of(self, name: str) -> list[str]:
        """Return every apiVersion under which the server has a kind, preferred first.

        Args:
            name: `Kind.group`.
        """
        kind, _, group = name.partition(".")
        answer = self.request("GET", f"/apis/{group}")
        if not group or not answer.accepted:
            return []
        groups = [one["groupVersion"] for one in answer.body["versions"]]
        return [
            version
            for version in groups
            if any(one["kind"] == kind for one in self.get(f"/apis/{version}")["resources"])
        ]

    def must(self, answer: Answer) -> dict[str, Any]:
        """Return the body of an answer.

        Raises:
            ApiError: The server refused.
        """
        if not answer.accepted or not isinstance(answer.body, dict):
            raise ApiError(f"the API server answered {answer.status}: {answer.message}")
        return answer.body

    def _discover(self, version: str, base: str) -> None:
        answer = self.request("GET", base)
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return
        for one in self.must(answer)["resources"]:
            if "/" not in one["name"]:
                self._kinds[version, one["kind"]] = (one["name"], one["namespaced"])

    def _send(
        self, method: str, target: str, data: bytes | None, headers: dict[str, str]
    ) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                "127.0.0.1", self._port, timeout=_TIMEOUT_SECONDS, context=self._context
            )
        try:
            self._connection.request(method, target, data, headers)
            response = self._connection.getresponse()
            raw = response.read()
        except BaseException:
            # Why: a half-read answer must not become the answer to the next request.
            self.close()
            raise
        warnings = tuple(_text(value) for value in response.headers.get_all("Warning", []))
        try:
            return Answer(response.status, json.loads(raw), warnings)
        except ValueError:
            return Answer(response.status, raw.decode(errors="replace"), warnings)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running control plane as its administrator sees it."""

    api: Api
    scheduler: Api
    """The scheduler's own port: its counters."""

    def close(self) -> None:
        """Close the connections."""
        self.api.close()
        self.scheduler.close()


def _text(warning: str) -> str:
    """Return the text of a Warning header, `299 - "text"`.

    Example:
        >>> _text('299 - "would violate PodSecurity"')
        'would violate PodSecurity'
    """
    return warning.partition(' - "')[2].removesuffix('"').replace('\\"', '"') or warning


def wait(
    what: str,
    probe: Callable[[], _T],
    *,
    seconds: float = 30,
    poll_seconds: float = _POLL_SECONDS,
) -> _T:
    """Return the first truthy value of `probe`.

    Raises:
        StillWaitingError: There was none within `seconds` [s].
    """
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise StillWaitingError(f"{what}: not within {seconds:g} s")
        time.sleep(poll_seconds)
