"""Rules about the endpoint picker: who it is, whom it may pick, and what it is configured to do."""

from collections.abc import Iterator

from disagg.catalog.images import IMAGE_PROFILES
from disagg.catalog.resources import ROLE_DECODE, ROLE_PREFILL
from disagg.catalog.router_plugins import (
    DEPRECATED_PLUGINS,
    ROUTER_PLUGINS,
    PluginKind,
    Stability,
    config_api_version,
)
from disagg.checks.manifests.objects import (
    At,
    Container,
    Json,
    Manifests,
    Workload,
    selects,
    title,
)
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment

_ROLES = (ROLE_PREFILL, ROLE_DECODE)


def _named(config: Json) -> dict[str, str]:
    """Return the plugins a configuration defines: name to type."""
    return {
        str(p.get("name", p.get("type"))): str(p.get("type")) for p in config.get("plugins", [])
    }


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


def _configs(manifests: Manifests) -> Iterator[tuple[At, Json]]:
    yield from manifests.picker_configs()


@rule("DISAGG-RTR-006")
def the_configuration_speaks_the_routers_version(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """There is one EndpointPickerConfig, of the apiVersion the pinned router reads.

    Each router knows one or two: another is refused at start, an old one is read with warnings.
    """
    profile = IMAGE_PROFILES[environment.serving.image_profile]
    wanted = config_api_version(profile.router)
    found = [config.get("apiVersion") for _, config in _configs(manifests)]
    if found != [wanted]:
        yield Finding(
            at=("ConfigMap",),
            got=f"{found or 'no EndpointPickerConfig'}",
            need=f"one of {wanted}",
            fix="take the apiVersion from the catalogue",
        )


@rule("DISAGG-RTR-007")
def plugins_are_known(manifests: Manifests) -> Iterator[Finding]:
    """Every plugin type and parameter is one the pinned router knows, and none is deprecated.

    An unknown type or parameter stops the picker; deprecated types go away in 0.11.
    """
    for at, config in _configs(manifests):
        for index, plugin in enumerate(config.get("plugins", [])):
            row = ROUTER_PLUGINS.get(str(plugin.get("type")))
            parameters = set(plugin.get("parameters") or {})
            unknown = parameters - row.parameters if row else {str(plugin.get("type"))}
            for name in sorted(unknown | (parameters & row.deprecated if row else set())):
                instead = DEPRECATED_PLUGINS.get(name, "a name the router's release notes list")
                yield Finding(
                    at=(*at, "plugins", index),
                    got=f"{name}: unknown or deprecated",
                    need="plugins and parameters of the pinned router",
                    fix=f"use {instead}",
                )


@rule("DISAGG-RTR-008")
def alpha_plugins_are_asked_for(manifests: Manifests) -> Iterator[Finding]:
    """Alpha plugins are used only where the picker runs with --allow-experimental-plugins.

    Without it the picker does not start: one upstream sample configuration fails so.
    """
    allowed = any(
        picker.flags.get("--allow-experimental-plugins", "no") in {None, "true"}
        for _, picker in manifests.pickers
    )
    for at, config in _configs(manifests):
        for name, type_ in _named(config).items():
            row = ROUTER_PLUGINS.get(type_)
            if row and row.stability is Stability.ALPHA and not allowed:
                yield Finding(
                    at=(*at, "plugins"),
                    got=f"{name} is alpha",
                    need="--allow-experimental-plugins=true, or a plugin that is not alpha",
                    fix="use a beta plugin",
                )


def _references(config: Json) -> Iterator[tuple[At, str]]:
    for p, profile in enumerate(config.get("schedulingProfiles", [])):
        for i, entry in enumerate(profile.get("plugins", [])):
            yield ("schedulingProfiles", p, "plugins", i), str(entry.get("pluginRef"))
    for index, plugin in enumerate(config.get("plugins", [])):
        deciders = (plugin.get("parameters") or {}).get("deciders", {})
        for stage, name in deciders.items():
            yield ("plugins", index, "parameters", "deciders", stage), str(name)


@rule("DISAGG-RTR-009")
def every_reference_is_defined(manifests: Manifests) -> Iterator[Finding]:
    """Every plugin that a profile or a decider names is defined, once.

    The picker stops at a name it does not know, and at one defined twice.
    """
    for at, config in _configs(manifests):
        names = [str(p.get("name", p.get("type"))) for p in config.get("plugins", [])]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Finding(
                at=(*at, "plugins"), got=f"{name} twice", need="each name once", fix="remove one"
            )
        for where, name in _references(config):
            if name not in names:
                yield Finding(
                    at=(*at, *where),
                    got=f"{name}, which is not defined",
                    need=f"one of {', '.join(names)}",
                    fix="list it under plugins",
                )


@rule("DISAGG-RTR-010")
def both_profiles_are_there(manifests: Manifests) -> Iterator[Finding]:
    """There is a prefill and a decode profile, each with the filter of its role and of no other.

    The picker starts without a prefill profile and then never disaggregates, without an error.
    """
    for at, config in _configs(manifests):
        types = _named(config)
        profiles = {p.get("name"): p for p in config.get("schedulingProfiles", [])}
        for role in _ROLES:
            entries = profiles.get(role, {}).get("plugins", [])
            used = [types.get(str(e.get("pluginRef")), "") for e in entries]
            filters = [t for t in used if t in {"prefill-filter", "decode-filter", "encode-filter"}]
            if filters != [f"{role}-filter"]:
                yield Finding(
                    at=(*at, "schedulingProfiles"),
                    got=f"profile {role} with {filters or 'no role filter'}",
                    need=f"a profile {role} with {role}-filter",
                    fix="add the profile",
                )


@rule("DISAGG-RTR-011")
def requests_are_disaggregated(manifests: Manifests) -> Iterator[Finding]:
    """The profile handler is the disaggregating one, with a decider for prefill that can say yes.

    `prefix-based-pd-decider` without `nonCachedTokens` never disaggregates: 0 means off, although
    an upstream comment says "always".
    """
    for at, config in _configs(manifests):
        plugins = config.get("plugins", [])
        kinds = {name: ROUTER_PLUGINS.get(type_) for name, type_ in _named(config).items()}
        handlers = [n for n, row in kinds.items() if row and row.kind is PluginKind.PROFILE_HANDLER]
        by_name = {str(p.get("name", p.get("type"))): p for p in plugins}
        deciders = [
            (by_name[name].get("parameters") or {}).get("deciders", {}).get(ROLE_PREFILL)
            for name in handlers
        ]
        chosen = by_name.get(str(deciders[0]), {}) if deciders else {}
        off = chosen.get("type") == "prefix-based-pd-decider" and not (
            chosen.get("parameters") or {}
        ).get("nonCachedTokens")
        right = [by_name[name].get("type") for name in handlers] == ["disagg-profile-handler"]
        if not right or not chosen or off:
            yield Finding(
                at=(*at, "plugins"),
                got=f"handlers {handlers}, prefill decider {deciders}, switched off: {off}",
                need="one disagg-profile-handler with a decider for prefill",
                fix="use always-disagg-pd-decider",
            )


@rule("DISAGG-RTR-012")
def only_scorers_carry_weights(manifests: Manifests) -> Iterator[Finding]:
    """A weight stands on scorers only, and every scorer has one.

    The picker accepts a weight on a filter and ignores it: whoever wrote it believes it works.
    """
    for at, config in _configs(manifests):
        types = _named(config)
        for p, profile in enumerate(config.get("schedulingProfiles", [])):
            for i, entry in enumerate(profile.get("plugins", [])):
                row = ROUTER_PLUGINS.get(types.get(str(entry.get("pluginRef")), ""))
                scores = row is not None and row.kind is PluginKind.SCORER
                if row is not None and scores != ("weight" in entry):
                    yield Finding(
                        at=(*at, "schedulingProfiles", p, "plugins", i),
                        got=f"{entry}",
                        need="a weight" if scores else "no weight",
                        fix="weights belong to scorers",
                    )


@rule("DISAGG-RTR-013")
def prefix_blocks_are_the_engines(manifests: Manifests) -> Iterator[Finding]:
    """A precise prefix index, where used, has the block size of the engines.

    With another one its hashes never match theirs, and every prompt looks new.
    """
    sizes = {server.number("--block-size") for _, server in manifests.servers}
    for at, config in _configs(manifests):
        for index, plugin in enumerate(config.get("plugins", [])):
            if plugin.get("type") != "precise-prefix-cache-producer":
                continue
            given = (
                (plugin.get("parameters") or {}).get("tokenProcessorConfig", {}).get("blockSize")
            )
            if {given} != sizes:
                yield Finding(
                    at=(*at, "plugins", index),
                    got=f"blockSize {given}",
                    need=f"{sizes}",
                    fix="render both from serving.kv_transfer.block_size",
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
