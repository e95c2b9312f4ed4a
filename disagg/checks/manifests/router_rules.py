"""Rules about the endpoint picker: who it is, whom it may pick, and where its configuration is."""

from collections.abc import Iterator

from disagg.catalog.resources import ROLE_DECODE, ROLE_PREFILL
from disagg.checks.manifests.objects import (
    Container,
    Manifests,
    Workload,
    selects,
    title,
)
from disagg.checks.rule import Finding, rule

_ROLES = (ROLE_PREFILL, ROLE_DECODE)


def _selector(picker: Container) -> dict[str, str] | None:
    text = picker.flags.get("--endpoint-selector")
    pairs = [part.partition("=") for part in text.split(",")] if text else []
    if not pairs or not all(equals for _, equals, _ in pairs):
        return None
    return {key: value.lstrip("=") for key, _, value in pairs}


def _picked(manifests: Manifests, picker: Container) -> list[Workload]:
    chosen = _selector(picker)
    namespace = picker.flags.get("--pool-namespace")
    if chosen is None:
        return []
    return [
        w for w in manifests.workloads if w.namespace == namespace and selects(chosen, w.labels)
    ]


@rule("DISAGG-RTR-001")
def one_picker_decides(manifests: Manifests) -> Iterator[Finding]:
    """There is one endpoint picker with one replica, replaced by Recreate.

    It counts requests in flight in its own memory: two at once both send to the pod each believes
    idle.
    """
    found = [
        (w.name, w.replicas, w.data["spec"].get("strategy", {}).get("type"))
        for w, _ in manifests.pickers
    ]
    if [(replicas, strategy) for _, replicas, strategy in found] != [(1, "Recreate")]:
        yield Finding(
            at=("Deployment",),
            got=f"{found or 'no endpoint picker'}",
            need="one endpoint picker, replicas 1, strategy Recreate",
            fix="render the router once",
        )


@rule("DISAGG-RTR-002")
def the_picker_picks_both_roles_and_nothing_else(manifests: Manifests) -> Iterator[Finding]:
    """The picker's endpoint selector matches every prefill and decode pod, and no other.

    A baseline pod it matched would get disaggregated requests; a role it misses is silently not
    used.
    """
    wanted = {w.name for w in manifests.workloads if w.role in _ROLES}
    for _, picker in manifests.pickers:
        found = {w.name for w in _picked(manifests, picker)}
        if found != wanted or not wanted:
            yield Finding(
                at=(*picker.at, "args"),
                got=f"it selects {sorted(found) or 'nothing'}",
                need=f"exactly {sorted(wanted)}",
                fix="select by labels that only prefill and decode pods carry, in their namespace",
            )


@rule("DISAGG-RTR-003")
def target_ports_exist(manifests: Manifests) -> Iterator[Finding]:
    """The picker's target port is a port of every pod it may pick: the sidecar's on decode.

    Sent to vLLM's own port on decode, a request is answered without disaggregation.
    """
    for _, picker in manifests.pickers:
        target = picker.number("--endpoint-target-ports")
        for workload in _picked(manifests, picker):
            owner = [c for c in workload.containers if target in c.ports.values()]
            engine = bool(owner) and owner[0].program == "vllm"
            if len(owner) != 1 or engine == (workload.role == ROLE_DECODE):
                yield Finding(
                    at=(*picker.at, "args"),
                    got=f"{target}, on {workload.name} {[c.name for c in owner] or 'no port'}",
                    need="vLLM's port on prefill, the sidecar's on decode",
                    fix="set --endpoint-target-ports to the port both listen on",
                )


@rule("DISAGG-RTR-004")
def the_picker_knows_its_name(manifests: Manifests) -> Iterator[Finding]:
    """A picker that selects by label has POD_NAME from its metadata, and belongs to a Deployment.

    It derives its pool's name from it and stops without one. Source: llm-d-router cmd/epp/runner.
    """
    for workload, picker in manifests.pickers:
        entry = picker.variables.get("POD_NAME", {})
        path = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        if _selector(picker) is not None and (path, workload.data["kind"]) != (
            "metadata.name",
            "Deployment",
        ):
            yield Finding(
                at=(*picker.at, "env"),
                got=f"POD_NAME from {path} in a {workload.data['kind']}",
                need="POD_NAME from metadata.name in a Deployment",
                fix="add the variable",
            )


@rule("DISAGG-RTR-005")
def the_picker_may_read_pods_and_nothing_else(manifests: Manifests) -> Iterator[Finding]:
    """The picker's service account may get, list and watch pods of the pool's namespace, no more.

    It reads clients' requests: what it may do is what an attacker who takes it over may do.
    """
    for workload, picker in manifests.pickers:
        account = (workload.pod.get("serviceAccountName"), workload.namespace)
        granted = [
            (
                binding["metadata"].get("namespace"),
                tuple(sorted(rule["resources"])),
                tuple(sorted(rule["verbs"])),
            )
            for binding in manifests.kind("RoleBinding", "ClusterRoleBinding")
            if account in [(s["name"], s.get("namespace")) for s in binding["subjects"]]
            for role in manifests.kind(binding["roleRef"]["kind"])
            if role["metadata"]["name"] == binding["roleRef"]["name"]
            and role["metadata"].get("namespace") == binding["metadata"].get("namespace")
            for rule in role["rules"]
        ]
        wanted = (picker.flags.get("--pool-namespace"), ("pods",), ("get", "list", "watch"))
        if granted != [wanted]:
            yield Finding(
                at=(*workload.at, "serviceAccountName"),
                got=f"rights {granted or 'none'}",
                need=f"{wanted}",
                fix="bind one Role with these rights in the pool's namespace",
            )


@rule("DISAGG-RTR-014")
def the_configuration_is_where_it_is_read(manifests: Manifests) -> Iterator[Finding]:
    """Every configuration file a program is started with is a key of a ConfigMap mounted there.

    The program stops without it, and the pod ends in a crash loop.
    """
    data = {title(one): one.get("data", {}) for one in manifests.kind("ConfigMap")}
    for workload in manifests.workloads:
        volumes = {
            v["name"]: v.get("configMap", {}).get("name") for v in workload.pod.get("volumes", [])
        }
        for container in workload.containers:
            path = container.flags.get("--config-file") or container.flags.get("--config-path")
            if path is None:
                continue
            files = {
                f"{mount['mountPath'].rstrip('/')}/{key}"
                for mount in container.data.get("volumeMounts", [])
                for key in data.get(
                    f"ConfigMap {workload.namespace}/{volumes.get(mount['name'])}", {}
                )
            }
            if path not in files:
                yield Finding(
                    at=(*container.at, "args"),
                    got=f"{path}, which is not mounted",
                    need=f"one of {sorted(files)}",
                    fix="mount the ConfigMap, or correct the path",
                )
