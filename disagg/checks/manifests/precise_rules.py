"""Rules about what the picker knows: prefixes from events, tokens, fresh metrics, its queue."""

import json
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

from disagg.catalog.resources import ROLE_DECODE, ROLE_PREFILL
from disagg.checks.manifests.objects import (
    At,
    Container,
    Json,
    Manifests,
    Workload,
    selects,
    title,
)
from disagg.checks.manifests.picker_rules import named
from disagg.checks.rule import Finding, rule
from disagg.quantities import quantity

PRECISE = "precise-prefix-cache-producer"
APPROXIMATE = "approx-prefix-cache-producer"
_EVENTS_SOURCE = "endpoint-notification-source"
_TOKENS = "token-producer"
_DETECTOR = "utilization-detector"
_DETECTOR_MS = 200
"""Age of metrics the detector believes without a parameter. Source: llm-d-router v0.10.0
saturationdetector/utilization/config.go."""
_STALE_MS = 2_000
"""Default of --metrics-staleness-threshold. Source: as above, pkg/epp/server/options.go."""
_INTERVAL_MS = 50
"""Default of --refresh-metrics-interval. Source: as above."""
_QUEUE_SPARE = Decimal(2 * 2**30)
"""RAM of the picker beside its queue [B]: assumed, half of what it is given at least."""


def _plugins(config: Json, type_: str) -> Iterator[tuple[int, Json]]:
    for index, plugin in enumerate(config.get("plugins", [])):
        if plugin.get("type") == type_:
            yield index, plugin.get("parameters") or {}


def _precise(manifests: Manifests) -> Iterator[tuple[At, Json, Json]]:
    """Yield every precise index: where, the configuration, its parameters."""
    for at, config in manifests.picker_configs():
        for index, parameters in _plugins(config, PRECISE):
            yield (*at, "plugins", index), config, parameters


def _servers(manifests: Manifests) -> tuple[tuple[Workload, Container], ...]:
    return (*manifests.role(ROLE_PREFILL), *manifests.role(ROLE_DECODE))


@rule("DISAGG-RTR-013")
def prefix_blocks_are_the_engines(manifests: Manifests) -> Iterator[Finding]:
    """A precise prefix index, where used, has the block size and the hash seed of the engines.

    Routers up to 0.9 compare hashes with the engines', so with others every prompt looks new; 0.10
    computes its own, and a block of another size still says hit where the engine has none.
    """
    sizes = {server.number("--block-size") for _, server in _servers(manifests)}
    seeds = {
        server.variables.get("PYTHONHASHSEED", {}).get("value") for _, server in _servers(manifests)
    }
    for at, _, parameters in _precise(manifests):
        given = parameters.get("tokenProcessorConfig", {})
        found = (given.get("blockSizeTokens"), given.get("hashSeed"))
        if ({found[0]}, {found[1]}) != (sizes, seeds):
            yield Finding(
                at=at,
                got=f"blockSizeTokens {found[0]}, hashSeed {found[1]!r}",
                need=f"{sizes} and {seeds}",
                fix="render both from serving.kv_transfer.block_size and one seed",
            )


@rule("DISAGG-RTR-015")
def the_decider_sees_prefixes(manifests: Manifests) -> Iterator[Finding]:
    """Beside `prefix-based-pd-decider` stands the approximate index, under its own name.

    The decider reads what that index says of decode and makes none itself: without it every prompt
    stays on decode, with an error in the log for each. A precise index has another name, which the
    decider of 0.10 cannot be told. Source: llm-d-router v0.10.0 disagg/prefix_based_pd_decider.go.
    """
    for at, config in manifests.picker_configs():
        types = named(config)
        if "prefix-based-pd-decider" in types.values() and types.get(APPROXIMATE) != APPROXIMATE:
            yield Finding(
                at=(*at, "plugins"),
                got="prefix-based-pd-decider alone",
                need=f"a plugin {APPROXIMATE} of that name",
                fix=f"list {APPROXIMATE}",
            )


@rule("DISAGG-RTR-016")
def servers_tell_what_they_cache(manifests: Manifests) -> Iterator[Finding]:
    """With a precise index every prefill and decode server tells its KV blocks where it listens.

    It binds (`tcp://*:`; with an address vLLM connects instead) the port that the picker dials, and
    its topic names the pod as the picker does: own address and target port, then the model. What
    does not match is dropped without an error, and every prompt looks new.
    """
    for _, _, parameters in _precise(manifests):
        events = parameters.get("kvEventsConfig", {})
        port = events.get("podDiscoveryConfig", {}).get("socketPort", 5557)
        for _, picker in manifests.pickers:
            target = picker.number("--endpoint-target-ports", 8000)
            for _, server in _servers(manifests):
                wanted = _wanted_events(server, events.get("topicFilter", ""), port, target)
                text = server.flags.get("--kv-events-config")
                told = server.mapping("--kv-events-config") in wanted
                if not told or port not in server.ports.values():
                    yield Finding(
                        at=(*server.at, "args"),
                        got=f"--kv-events-config={text}, ports {sorted(server.ports.values())}",
                        need=f"{json.dumps(wanted[0])} and port {port}"
                        if wanted
                        else "a variable with the pod's own address",
                        fix="render both from the same port and topic",
                    )


def _wanted_events(server: Container, topic: str, port: int, target: int | None) -> list[Json]:
    model = server.flags.get("--served-model-name") or server.data.get("args", [""])[0]
    own = [
        name
        for name, entry in server.variables.items()
        if entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath") == "status.podIP"
    ]
    return [
        {
            "enable_kv_cache_events": True,
            "publisher": "zmq",
            "endpoint": f"tcp://*:{port}",
            "topic": f"{topic}$({name}):{target}@{model}",
        }
        for name in own
    ]


@rule("DISAGG-RTR-017")
def the_index_is_fed_and_read(manifests: Manifests) -> Iterator[Finding]:
    """A precise index hears of every pod, and the scorers of prefixes read it.

    It dials pods that `endpoint-notification-source` names, with `discoverPods` on; a scorer that
    names no producer reads the approximate index, which is made for it without a word.
    """
    for at, config, parameters in _precise(manifests):
        types = named(config)
        (own,) = [name for name, type_ in types.items() if type_ == PRECISE][:1]
        fed = any(
            types.get(str(source.get("pluginRef"))) == _EVENTS_SOURCE
            and own in [str(one.get("pluginRef")) for one in source.get("extractors", [])]
            for source in config.get("dataLayer", {}).get("sources", [])
        )
        read = [
            p.get("prefixMatchInfoProducerName") for _, p in _plugins(config, "prefix-cache-scorer")
        ]
        finds = parameters.get("kvEventsConfig", {}).get("discoverPods") is True
        if not (fed and finds) or read != [own]:
            yield Finding(
                at=at,
                got=f"fed by events: {fed}, finds pods: {finds}, read by scorers: {read}",
                need=f"fed by {_EVENTS_SOURCE}, discoverPods, read by prefix-cache-scorer",
                fix="name the index in dataLayer.sources and in the scorer",
            )


@rule("DISAGG-RTR-018")
def prompts_are_tokenized_by_the_model(manifests: Manifests) -> Iterator[Finding]:
    """With a precise index prompts are tokenized by pods that run `vllm launch render`.

    Without a `token-producer` with an address the picker guesses four bytes a token, and no block
    matches any. The Service named must have the port, select such pods, and no others.
    """
    for at, config, _ in _precise(manifests):
        given = [parameters for _, parameters in _plugins(config, _TOKENS)]
        url = given[0].get("vllm", {}).get("url", "") if given else ""
        models = {_model(server) for _, server in _servers(manifests)}
        found = _tokenizers(manifests, url)
        if not found or {given[0].get("modelName"), *found} != models:
            yield Finding(
                at=at,
                got=f"token-producer at {url or 'no address'}: {sorted(found) or 'nobody'}",
                need=f"a Service of pods that tokenize for {sorted(models)}",
                fix="render the pods, their Service and vllm.url together",
            )


def _model(server: Container) -> str:
    return str(server.flags.get("--served-model-name") or server.data.get("args", [""])[0])


def _tokenizers(manifests: Manifests, url: str) -> set[str]:
    """Return the models of the pods behind an address; a pod that is none counts as its name."""
    parts = urlsplit(url)
    host = (parts.hostname or "").split(".")
    found: set[str] = set()
    for service in manifests.kind("Service"):
        place = service["metadata"].get("namespace")
        if host[:3] != [service["metadata"]["name"], place, "svc"]:
            continue
        ports = [
            p.get("targetPort", p["port"])
            for p in service["spec"]["ports"]
            if p["port"] == (parts.port or 80)
        ]
        for one in manifests.workloads:
            if one.namespace == place and selects(service["spec"]["selector"], one.labels):
                found |= {_serves(one, port) for port in ports}
    return found


def _serves(workload: Workload, port: str | int) -> str:
    for one in workload.containers:
        if one.data.get("command") == ["vllm", "launch", "render"] and one.resolve(port):
            return _model(one)
    return title(workload.data)


def _milliseconds(text: object, default: int) -> float:
    """Return a duration of Go with one unit [ms]; `default` where it is none."""
    units = {"ms": 1, "s": 1_000, "m": 60_000}
    for unit, factor in units.items():
        number = str(text).removesuffix(unit)
        if number != str(text) and number.replace(".", "", 1).isdecimal():
            return float(number) * factor
    return default


@rule("DISAGG-RTR-019")
def metrics_are_fresh_enough(manifests: Manifests) -> Iterator[Finding]:
    """Metrics are polled at least twice before anything calls them stale.

    The picker does so after 2 s; with flow control the detector of saturation after 200 ms unless
    told otherwise, and a pod of unknown load counts as full: requests wait and end in 503
    while every pod is idle.
    """
    for _, picker in manifests.pickers:
        interval = _milliseconds(picker.flags.get("--refresh-metrics-interval"), _INTERVAL_MS)
        stale = _milliseconds(picker.flags.get("--metrics-staleness-threshold"), _STALE_MS)
        limits = {"--metrics-staleness-threshold": stale}
        for _, config in manifests.picker_configs():
            if "flowControl" in config:
                given = next((p for _, p in _plugins(config, _DETECTOR)), {})
                text = given.get("metricsStalenessThreshold")
                limits[_DETECTOR] = _milliseconds(text, _DETECTOR_MS)
        for what, limit in limits.items():
            if limit < 2 * interval:
                yield Finding(
                    at=(*picker.at, "args"),
                    got=f"polled every {interval:g} ms, stale for {what} after {limit:g} ms",
                    need="two polls at least",
                    fix="poll more often, or believe metrics longer",
                )


@rule("DISAGG-RTR-020")
def the_queue_is_on_and_bounded(manifests: Manifests) -> Iterator[Finding]:
    """A section `flowControl` has its feature gate, and a bound in bytes within the picker's RAM.

    Without the gate the section is ignored without a word; without the bound queued bodies fill the
    memory, and the picker, which every answer flows through, is killed.
    """
    for at, config in manifests.picker_configs():
        section = config.get("flowControl")
        gate = "flowControl" in [str(g).partition("=")[0] for g in config.get("featureGates", [])]
        if section is None and not gate:
            continue
        most = quantity((section or {}).get("maxBytes", 0))
        room = [picker.limits.get("memory", Decimal(0)) for _, picker in manifests.pickers]
        if section is None or not gate or not most or any(most + _QUEUE_SPARE > r for r in room):
            yield Finding(
                at=(*at, "flowControl"),
                got=f"gate {gate}, maxBytes {most}, memory {[str(r) for r in room]}",
                need=f"the gate, and maxBytes at most the memory less {_QUEUE_SPARE}",
                fix="set featureGates and flowControl.maxBytes",
            )


@rule("DISAGG-RTR-021")
def sessions_follow_each_role(manifests: Manifests) -> Iterator[Finding]:
    """A session scorer of the prefill profile looks up the prefill pod, and no other does.

    Without `profileName` it remembers the decode pod, which is never among those it scores: it
    gives everybody nothing, without an error.
    """
    types = {"session-affinity-scorer", "session-affinity-filter"}
    for at, config in manifests.picker_configs():
        plugins = {str(p.get("name", p.get("type"))): p for p in config.get("plugins", [])}
        for profile in config.get("schedulingProfiles", []):
            for entry in profile.get("plugins", []):
                plugin = plugins.get(str(entry.get("pluginRef")), {})
                given = (plugin.get("parameters") or {}).get("profileName") or ROLE_DECODE
                if plugin.get("type") in types and given != profile.get("name"):
                    yield Finding(
                        at=(*at, "plugins"),
                        got=f"{entry.get('pluginRef')} of {given} in profile {profile.get('name')}",
                        need="one for each role, with its profileName",
                        fix="list one session plugin for each profile",
                    )
