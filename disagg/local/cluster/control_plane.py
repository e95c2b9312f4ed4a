"""`ControlPlane`: etcd, API server, controllers, scheduler and kwok as a context manager."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from disagg.errors import DisaggError
from disagg.local.cluster.api import Api, ApiError, Cluster
from disagg.local.cluster.credentials import Credentials, make_credentials, write_kubeconfig
from disagg.local.processes import Process, ProcessError, Service

HOST = "127.0.0.1"
_TRIES = 3
_ENDING_SECONDS = 1.0
_KEEP = frozenset({"LANG", "LC_ALL", "PATH", "TMPDIR", "TZ"})
# Why these: with the ones that are on by default (Pod Security, quotas, priority, validating
# policies, ...) they are what EKS switches on. Source: EKS user guide, platform versions.
_ADMISSION = "NodeRestriction,ExtendedResourceToleration"
_CONTROLLERS = "*,-nodeipam,-node-route-controller,-cloud-node-lifecycle-controller"
_QUERIES_PER_SECOND = 200


class ControlPlane:
    """A Kubernetes of our own on loopback: empty at the start, gone at the end.

    Everything it writes is below `directory`. At the end keys, tokens and data are removed and the
    logs stay; the caller owns the directory. kwok plays the kubelets: what the scheduler places is
    Running at once, and nothing is started.
    """

    def __init__(
        self,
        *,
        directory: Path,
        programs: Mapping[str, Path],
        flags: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Name the programs to run.

        Args:
            directory: For this control plane alone.
            programs: From `binaries()`.
            flags: More flags, by program.
        """
        self.directory = directory.resolve()
        self.ready_seconds = 0.0
        """How long it took to be ready [s]."""
        self._programs, self._flags = programs, flags or {}
        self._running = ExitStack()
        self._processes: dict[str, Process] = {}
        self._credentials: Credentials | None = None
        self._port = self._scheduler_port = 0

    def __enter__(self) -> Self:
        began = time.monotonic()
        for attempt in range(1, _TRIES + 1):
            try:
                self._start()
            except ProcessError as error:
                self._stop()
                # Why: between our asking for a free port and its use another program may take it.
                if attempt == _TRIES or "address already in use" not in str(error):
                    raise
            except BaseException:
                self._stop()
                raise
            else:
                break
        self.ready_seconds = time.monotonic() - began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def pids(self) -> dict[str, int]:
        """Return the process id of each program that runs."""
        return {name: process.pid for name, process in self._processes.items()}

    @property
    def port(self) -> int:
        """Return the API server's port on 127.0.0.1."""
        return self._port

    @property
    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig."""
        return self.directory / "admin.kubeconfig"

    def api(self) -> Api:
        """Return a client of its own for the administrator."""
        return _client(self._made(), self._port)

    def cluster(self) -> Cluster:
        """Return clients of their own for the API server and for the scheduler's counters."""
        made = self._made()
        return Cluster(api=_client(made, self._port), scheduler=_client(made, self._scheduler_port))

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Let no result count, and no other error be told, when a program died meanwhile.

        Raises:
            ProcessError: One did; its log is named.
        """
        try:
            yield
        except DisaggError as error:
            # Why for a moment: sockets close before a process is said to have ended.
            deadline = time.monotonic() + _ENDING_SECONDS
            while time.monotonic() < deadline:
                self._all_run(error)
                time.sleep(0.05)
            raise
        self._all_run(None)

    def _all_run(self, cause: Exception | None) -> None:
        for name, process in self._processes.items():
            if not process.running:
                log = self.directory / f"{name}.log"
                raise ProcessError(f"{name} ended while it was needed; its log: {log}") from cause

    def _made(self) -> Credentials:
        if self._credentials is None:
            raise ProcessError("the control plane is not running")
        return self._credentials

    def _stop(self) -> None:
        self._running.close()
        self._processes.clear()
        if self._credentials is not None:
            self._credentials.remove()
            self._credentials = None
        shutil.rmtree(self.directory / "etcd", ignore_errors=True)

    def _start(self) -> None:
        made = self._credentials = make_credentials(self.directory)
        shutil.rmtree(self.directory / "etcd", ignore_errors=True)
        etcd, peer, self._port, controllers, self._scheduler_port = _free_ports(5)
        write_kubeconfig(made, "admin", self._port)
        self._run("etcd", _etcd(self.directory, made, etcd, peer), lambda: _accepts(etcd))
        api = _client(made, self._port)
        self._run(
            "kube-apiserver",
            _api_server(made, etcd, self._port),
            lambda: _asked(lambda: api.request("GET", "/readyz").accepted),
        )
        more = [
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={made.key}",
            f"--root-ca-file={made.certificate}",
            # Why: it would make a folder in /usr/libexec otherwise.
            f"--flex-volume-plugin-dir={self.directory}",
            f"--controllers={_CONTROLLERS}",
        ]
        for name, port, own in (
            ("kube-controller-manager", controllers, more),
            ("kube-scheduler", self._scheduler_port, []),
        ):
            config = write_kubeconfig(made, name, self._port)
            flags = [*_client_flags(made, config, port), *own]
            self._run(name, flags, partial(_healthy, _client(made, port)))
        config = write_kubeconfig(made, "kwok", self._port)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        # Why: kwok listens on nothing to be asked, and pods are refused before the account exists.
        self._run(
            "kwok",
            _kwok(config),
            lambda: _asked(lambda: api.request("GET", account).accepted),
        )
        api.close()

    def _run(self, name: str, flags: Sequence[str], ready: Callable[[], bool]) -> None:
        process = Process(
            Service(
                name=name,
                command=[str(self._programs[name]), *flags, *self._flags.get(name, ())],
                log=self.directory / f"{name}.log",
                ready=ready,
                environment={key: value for key, value in os.environ.items() if key in _KEEP},
                folder=self.directory,
                start_seconds=60,
                stop_seconds=10,
            )
        )
        self._running.enter_context(process)
        self._processes[name] = process


def _free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _asked(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except (OSError, ApiError):
        return False


def _accepts(port: int) -> bool:
    def connects() -> bool:
        with socket.create_connection((HOST, port), timeout=2):
            return True

    return _asked(connects)


def _client(made: Credentials, port: int) -> Api:
    return Api(port, made.certificate, made.tokens["admin"])


def _healthy(client: Api) -> bool:
    return _asked(lambda: client.request("GET", "/healthz").accepted)


def _etcd(directory: Path, made: Credentials, client: int, peer: int) -> list[str]:
    # Why TLS with client certificates: any user of the machine could write to it otherwise.
    flags = {
        "name": "rehearsal",
        "data-dir": directory / "etcd",
        "quota-backend-bytes": 4 << 30,
        "listen-client-urls": f"https://{HOST}:{client}",
        "advertise-client-urls": f"https://{HOST}:{client}",
        "listen-peer-urls": f"https://{HOST}:{peer}",
        "initial-advertise-peer-urls": f"https://{HOST}:{peer}",
        "initial-cluster": f"rehearsal=https://{HOST}:{peer}",
        "cert-file": made.certificate,
        "key-file": made.key,
        "trusted-ca-file": made.certificate,
        "peer-cert-file": made.certificate,
        "peer-key-file": made.key,
        "peer-trusted-ca-file": made.certificate,
    }
    switches = ["--client-cert-auth", "--peer-client-cert-auth", "--unsafe-no-fsync"]
    return [*(f"--{name}={value}" for name, value in flags.items()), *switches]


def _api_server(made: Credentials, etcd: int, port: int) -> list[str]:
    flags = {
        "bind-address": HOST,
        # Why: a machine without a default route has no address to advertise.
        "advertise-address": HOST,
        "secure-port": port,
        "tls-cert-file": made.certificate,
        "tls-private-key-file": made.key,
        "etcd-servers": f"https://{HOST}:{etcd}",
        "etcd-cafile": made.certificate,
        "etcd-certfile": made.certificate,
        "etcd-keyfile": made.key,
        "endpoint-reconciler-type": "none",
        "anonymous-auth": "false",
        "authorization-mode": "Node,RBAC",
        "token-auth-file": made.token_file,
        "enable-admission-plugins": _ADMISSION,
        "service-cluster-ip-range": "10.96.0.0/16",
        "service-account-issuer": "https://kubernetes.default.svc",
        # Why the certificate: this flag does not take a private EC key.
        "service-account-key-file": made.certificate,
        "service-account-signing-key-file": made.key,
        "allow-privileged": "true",
        "profiling": "false",
    }
    return [f"--{name}={value}" for name, value in flags.items()]


def _client_flags(made: Credentials, config: Path, port: int) -> list[str]:
    flags = {
        "tls-cert-file": made.certificate,
        "tls-private-key-file": made.key,
        "kubeconfig": config,
        "authentication-kubeconfig": config,
        "authorization-kubeconfig": config,
        "secure-port": port,
        "bind-address": HOST,
        "leader-elect": "false",
        "kube-api-qps": _QUERIES_PER_SECOND,
        "kube-api-burst": 2 * _QUERIES_PER_SECOND,
        "profiling": "false",
    }
    return [f"--{name}={value}" for name, value in flags.items()]


def _kwok(config: Path) -> list[str]:
    return [
        f"--kubeconfig={config}",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        "--cidr=10.128.0.0/9",
        # Why: it would read ~/.kwok otherwise.
        f"--config={os.devnull}",
    ]
