"""`AwsEndpoint`: the embedded AWS endpoint as a context manager."""

import copy
import http.client
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

from disagg.local.aws.holdings import Holdings
from disagg.local.processes import Process, ProcessError, Service
from disagg.node import tool_environment

_PACKAGES = Path(__file__).resolve().parents[3]
_KEEP = frozenset({"LANG", "LC_ALL", "NO_COLOR", "PATH", "TERM", "TMPDIR", "TZ"})
"""What passes from our environment to tools and server; above all no AWS_* and no proxy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The account and region that the endpoint stands for."""

    account: str = "123456789012"
    region: str = "us-west-2"


class AwsEndpoint:
    """An AWS of our own on loopback: at the start it holds what it is given, at the end it is gone.

    Everything that it or a tool with its `environment()` writes is below `directory`.

    Args:
        directory: Where it writes.
        target: The account and region it is used from.
        others: More accounts and regions it holds, for stacks that go to several; `seen_from`
            gives the endpoint as one of them uses it.

    Example:
        >>> from pathlib import Path
        >>> endpoint = AwsEndpoint(directory=Path("run"), target=Target(region="us-east-2"))
        >>> endpoint.target.region
        'us-east-2'
    """

    def __init__(
        self,
        *,
        directory: Path,
        target: Target | None = None,
        others: Iterable[Target] = (),
        held: Holdings | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self._held = held or Holdings()
        self.target = target or Target()
        self.targets = frozenset({self.target, *others})
        # Why: one session, because each reads the descriptions of the services anew (EC2: 0.1 s).
        self._session: Any = _session(self.target)
        self._port_file = self.directory / "aws-endpoint.port"
        self._holdings_file = self.directory / "aws-holdings.json"
        self._process = Process(
            Service(
                name="AWS endpoint",
                command=[
                    sys.executable,
                    "-m",
                    "disagg.local.aws.server",
                    "--port-file",
                    str(self._port_file),
                    "--holdings",
                    str(self._holdings_file),
                    "--region",
                    self.target.region,
                    *(f"--key={_access_key(one)}={one}" for one in sorted(self._more_accounts())),
                ],
                log=self.directory / "aws-endpoint.log",
                ready=self._answers,
                environment=self._server_environment(),
                start_seconds=60,
            )
        )

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        # Guard: the port of an earlier run would name someone else's server.
        self._port_file.unlink(missing_ok=True)
        self._holdings_file.write_text(self._held.to_json())
        self._process.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.stop()
        self._port_file.unlink(missing_ok=True)

    def seen_from(self, target: Target) -> Self:
        """Return this endpoint as `target`, one of its targets, uses it: its keys, its region."""
        if target not in self.targets:
            raise ValueError(f"{target} is none of {sorted(map(str, self.targets))}")
        seen = copy.copy(self)
        seen.target = target
        seen._session = _session(target)  # noqa: SLF001 - of its own kind
        return seen

    @property
    def pid(self) -> int:
        """Return the process id of the server."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """Return the server's log: one line for each request."""
        return self._process.service.log

    @property
    def port(self) -> int:
        """Return the port on 127.0.0.1."""
        try:
            return int(self._port_file.read_text())
        except FileNotFoundError:
            raise ProcessError("the AWS endpoint is not running") from None

    @property
    def url(self) -> str:
        """Return the address to send AWS calls to."""
        # Why: with 127.0.0.1 in place of the name, moto takes the first label for a bucket.
        return f"http://localhost:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the whole environment for the CDK CLI or boto3 against this endpoint."""
        home = self.directory / "home"
        home.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if name in _KEEP}
        return tool_environment(
            kept
            | {
                "AWS_ACCESS_KEY_ID": _access_key(self.target.account),
                "AWS_SECRET_ACCESS_KEY": "rehearsal",
                "AWS_CONFIG_FILE": str(home / "aws-config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(home / "aws-credentials"),
                "AWS_DEFAULT_REGION": self.target.region,
                "AWS_REGION": self.target.region,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_ENDPOINT_URL": self.url,
                # Why: the CDK CLI remembers below it which account a key belongs to.
                "CDK_HOME": str(home / "cdk"),
                "HOME": str(home),
                "NO_PROXY": "localhost,127.0.0.1",
                "XDG_CACHE_HOME": str(home / "cache"),
                "XDG_CONFIG_HOME": str(home / "config"),
            }
        )

    def client(self, service: str) -> Any:
        """Return a boto3 client of `service` that talks to this endpoint and to nothing else."""
        return self._session.client(
            service,
            endpoint_url=self.url,
            config=Config(proxies={}, retries={"max_attempts": 1}),
        )

    def _more_accounts(self) -> set[str]:
        accounts = {one.account for one in self.targets}
        # Why none where there is one: moto then needs no key to know the account.
        return accounts if len(accounts) > 1 else set()

    def _server_environment(self) -> Mapping[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in _KEEP or name.startswith("PYTHON")
        }
        return kept | {
            # Why: the server must be this very package, also from a checkout that is not installed.
            "PYTHONPATH": str(_PACKAGES),
            "MOTO_ACCOUNT_ID": self.target.account,
            # Why: 200 images that nobody asks for cost half a second at the first EC2 call.
            "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
        }

    def _answers(self) -> bool:
        try:
            # Why: http.client, because urllib would ask a proxy of the environment for localhost.
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/moto-api/")
            status = connection.getresponse().status
            connection.close()
        except (OSError, http.client.HTTPException, ProcessError):
            return False
        return status == http.HTTPStatus.OK


def _session(target: Target) -> Any:
    return boto3.Session(
        aws_access_key_id=_access_key(target.account),
        aws_secret_access_key="rehearsal",  # noqa: S106 - moto takes any
        region_name=target.region,
    )


def _access_key(account: str) -> str:
    # Why: the CDK CLI caches the account of a key on disk; so a key for each account. Twenty
    # characters, or moto does not take it for a key.
    return f"REHEARSE{account}"
