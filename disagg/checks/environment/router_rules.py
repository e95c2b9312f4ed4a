"""Rules about `serving.router`: what the endpoint picker would refuse, or take and not do."""

from collections.abc import Iterator, Mapping

from disagg.catalog.images import IMAGE_PROFILES
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS
from disagg.catalog.router_plugins import (
    DEPRECATED_PLUGINS,
    PluginKind,
    RouterPlugin,
    router_plugins,
)
from disagg.catalog.system_instances import SYSTEM_INSTANCE_TYPES
from disagg.checks.environment.network_rules import suggest
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.config.environment import Cluster, Slo, Workload
from disagg.config.serving import Serving
from disagg.config.weights import HuggingFace
from disagg.errors import Severity
from disagg.planner.layout import groups, pool_groups
from disagg.planner.router import (
    picker_needs,
    picker_room,
    polling_interval_ms,
    threshold_tokens,
)

_OWN_KEYS = {
    PluginKind.PROFILE_HANDLER: "leave it out: there is one handler, which disaggregates",
    PluginKind.DECIDER: "set serving.router.decider",
    PluginKind.PICKER: "leave it out: the best score is picked",
}
"""Kinds of plugins that have a key of their own or no choice."""
_ROUTING_HEADERS = frozenset(
    {
        "x-prefiller-host-port",
        "x-encoder-hosts-ports",
        "x-data-parallel-host-port",
        "x-kv-cache-source-host-port",
        "x-gateway-destination-endpoint",
    }
)
"""Headers the proxy strips from what clients send. Source: k8s/disagg_k8s/envoy_config.py and
llm-d-router RELEASE-NOTES.md."""


def _known(serving: Serving) -> Mapping[str, RouterPlugin]:
    """Return the plugins of the router of the image profile; none where it is not known."""
    profile = IMAGE_PROFILES.get(serving.image_profile)
    try:
        return router_plugins(profile.router) if profile else {}
    except KeyError:
        return {}  # Guard: a profile too old for the tables is refused by another rule.


@rule("DISAGG-RTR-030")
def a_threshold_has_its_decider(serving: Serving) -> Iterator[Finding]:
    """A threshold is given only with the decider that reads it.

    `always_disaggregate` sends every prompt to prefill, however short.
    """
    router = serving.router
    if router.threshold_tokens is not None and router.decider != "prefix_based":
        yield Finding(
            at=("serving", "router", "threshold_tokens"),
            got=f"{router.threshold_tokens:,} tokens with {router.decider}",
            need="decider: prefix_based",
            fix="set serving.router.decider to prefix_based, or leave threshold_tokens out",
        )


@rule("DISAGG-RTR-031")
def a_threshold_is_within_the_context(serving: Serving) -> Iterator[Finding]:
    """A threshold is below the longest context that the file sets.

    No prompt has as many tokens: prefill pods would stand idle and cost what they cost.
    """
    given, most = serving.router.threshold_tokens, serving.max_context_tokens
    if given is not None and most is not None and given >= most:
        yield Finding(
            at=("serving", "router", "threshold_tokens"),
            got=f"{given:,} tokens",
            need=f"less than {most:,}, the longest context",
            fix="lower it, or leave it out",
        )


@rule("DISAGG-RTR-032", severity=Severity.WARNING)
def prompts_reach_the_threshold(
    serving: Serving, capacity: Capacity, workload: Workload, slo: Slo | None
) -> Iterator[Finding]:
    """With `prefix_based` a prompt of mean length is above the threshold.

    Otherwise most prompts stay on decode: prefill pods are paid for and hardly used. Either the
    threshold is wrong, or this workload needs no disaggregation: `disagg decide` tells.
    """
    group = groups(capacity).get(pool_groups("decode", serving, capacity)[0])
    known = serving.model in MODELS and group and group.instance_type in INSTANCE_TYPES
    if serving.router.decider != "prefix_based" or not known:
        return
    threshold = threshold_tokens(serving, capacity, workload, slo)
    uncached = workload.input_tokens * (1 - (workload.prefix_reuse or 0.0))
    if uncached < threshold:
        given = serving.router.threshold_tokens is not None
        yield Finding(
            at=("serving", "router", "threshold_tokens" if given else "decider"),
            got=f"{uncached:,.0f} uncached tokens of a mean prompt, threshold {threshold:,}",
            need="a mean prompt above the threshold",
            fix="lower threshold_tokens, or ask `disagg decide` whether disaggregation pays",
        )


@rule("DISAGG-RTR-033")
def plugins_are_of_the_router(serving: Serving) -> Iterator[Finding]:
    """Every plugin of the file is one the router of the image profile has, not deprecated, once.

    An unknown type stops the picker at start, and with it everything.
    """
    known = _known(serving)
    types = [one.type for one in serving.router.plugins]
    for index, one in enumerate(serving.router.plugins):
        at = ("serving", "router", "plugins", index, "type")
        if known and one.type in DEPRECATED_PLUGINS:
            yield Finding(
                at=at,
                got=f"{one.type}, which is deprecated",
                need=f"{DEPRECATED_PLUGINS[one.type]}",
                fix=f"use {DEPRECATED_PLUGINS[one.type]}",
            )
        elif known and one.type not in known:
            yield Finding(
                at=at,
                got=f"unknown plugin {one.type!r}",
                need="a plugin of the router of the image profile",
                fix=suggest(one.type, sorted(known), otherwise="see docs/router.md"),
            )
        elif types.index(one.type) != index:
            yield Finding(at=at, got=f"{one.type} twice", need="each once", fix="make one of both")


@rule("DISAGG-RTR-034")
def parameters_are_of_their_plugin(serving: Serving) -> Iterator[Finding]:
    """Every parameter of a plugin is one it reads, of its JSON type, and not deprecated.

    The picker stops at any other. Source: the plugin tables of the catalogue.
    """
    known = _known(serving)
    for index, one in enumerate(serving.router.plugins):
        row = known.get(one.type)
        for name, value in one.parameters.items() if row else ():
            at = ("serving", "router", "plugins", index, "parameters", name)
            current = sorted(row.parameters.keys() - row.deprecated) if row else []
            wanted = row.parameters.get(name) if row else None
            if name not in current:
                yield Finding(
                    at=at,
                    got=f"unknown or deprecated parameter {name!r} of {one.type}",
                    need=", ".join(current) or "no parameter",
                    fix=suggest(name, current, otherwise="leave it out"),
                )
            elif wanted and not wanted.takes(value):
                yield Finding(
                    at=at,
                    got=f"{value!r}",
                    need=f"{name} as {wanted.words}",
                    fix="correct the value",
                )


@rule("DISAGG-RTR-035")
def weights_are_of_scorers(serving: Serving) -> Iterator[Finding]:
    """A scorer that is added has a weight in some profile, and nothing else has one.

    The picker takes a weight on a filter and ignores it; a scorer of no profile scores nothing.
    """
    known = _known(serving)
    for index, one in enumerate(serving.router.plugins):
        row = known.get(one.type)
        scores = row is not None and row.kind is PluginKind.SCORER
        if row is not None and bool(one.weights) and not scores:
            yield Finding(
                at=("serving", "router", "plugins", index, "weights"),
                got=f"weights of {one.type}, which is a {row.kind}",
                need="weights of scorers only",
                fix="leave weights out",
            )
        elif scores and not one.weights and not one.parameters:
            yield Finding(
                at=("serving", "router", "plugins", index),
                got=f"{one.type} without weights and parameters",
                need="weights in prefill, decode or both",
                fix="add weights: {prefill: 1, decode: 1}",
            )


@rule("DISAGG-RTR-036")
def handler_and_decider_are_keys(serving: Serving) -> Iterator[Finding]:
    """Handlers, deciders and pickers are not among the plugins of the file.

    Two handlers stop the picker; another one than the disaggregating never disaggregates.
    """
    known = _known(serving)
    for index, one in enumerate(serving.router.plugins):
        row = known.get(one.type)
        if row is not None and row.kind in _OWN_KEYS:
            yield Finding(
                at=("serving", "router", "plugins", index, "type"),
                got=f"{one.type}, a {row.kind}",
                need="scorers, producers, or parameters of what is there",
                fix=_OWN_KEYS[row.kind],
            )


@rule("DISAGG-RTR-037")
def sessions_have_a_header_of_their_own(serving: Serving) -> Iterator[Finding]:
    """The session header is none that routes, and none that the proxy takes away.

    Clients' routing headers are stripped before the picker sees a request: sessions would all be
    without a name, and nothing would say so.
    """
    header = serving.router.session_header
    if header in _ROUTING_HEADERS:
        yield Finding(
            at=("serving", "router", "session_header"),
            got=f"{header}, which the proxy strips",
            need="a header of your own",
            fix="use x-session-id",
        )


@rule("DISAGG-RTR-038")
def precise_prefixes_can_be_tokenized(serving: Serving) -> Iterator[Finding]:
    """`prefix_precise` is used with an image profile that has an image to tokenize with.

    The precise index is over the tokens of the model; guessed ones match nothing.
    """
    profile = IMAGE_PROFILES.get(serving.image_profile)
    precise = serving.router.policy == "prefix_precise"
    if precise and profile and profile.render is None:
        yield Finding(
            at=("serving", "router", "policy"),
            got=f"prefix_precise with {profile.name}",
            need="an image profile that can tokenize for the picker",
            fix="use prefix_aware, or another image_profile",
        )


@rule("DISAGG-RTR-041", severity=Severity.WARNING)
def tokenizers_of_gated_models_have_a_token(serving: Serving) -> Iterator[Finding]:
    """`prefix_precise` with weights in a bucket is used with a model that is open to everybody.

    What tokenizes takes the tokenizer from Hugging Face; the token in Secrets Manager is the Job's
    alone. Without a secret `hf-token` in the serving namespace its pods never start, and the picker
    goes by load.
    """
    model = MODELS.get(serving.model)
    precise = serving.router.policy == "prefix_precise"
    if precise and model and model.gated and not isinstance(serving.weights, HuggingFace):
        yield Finding(
            at=("serving", "router", "policy"),
            got=f"prefix_precise with {model.name}, which is gated",
            need="a token in the cluster beside the one in Secrets Manager",
            fix="make the secret hf-token in the serving namespace: docs/deploy.md",
        )


@rule("DISAGG-RTR-039", severity=Severity.WARNING)
def there_is_a_choice_of_pods(serving: Serving) -> Iterator[Finding]:
    """Routing by prefix has two pods of a role to choose from.

    With one prefill and one decode pod every policy picks the same two, and `prefix_precise` runs
    two pods more for it.
    """
    pools = (serving.prefill.replicas, serving.decode.replicas)
    if serving.router.policy == "prefix_precise" and max(pools) == 1:
        yield Finding(
            at=("serving", "router", "policy"),
            got="prefix_precise with one pod of each role",
            need="two pods of a role",
            fix="use prefix_aware",
        )


@rule("DISAGG-RTR-042", severity=Severity.WARNING)
def a_system_node_holds_the_picker(
    cluster: Cluster, serving: Serving, capacity: Capacity, workload: Workload, slo: Slo | None
) -> Iterator[Finding]:
    """What the picker needs at the peak is what a system node has for it.

    It is given what the node has and no more, or the router would wait for a place for ever. Every
    request and every answer goes through it: short of CPU, all of them wait. Source: upstream's
    benchmark, 8 us a prompt token.
    """
    named = groups(capacity)
    found = {pool_groups(role, serving, capacity)[0] for role in ("prefill", "decode")}
    known = all(n in named and named[n].instance_type in INSTANCE_TYPES for n in found)
    if not known or serving.model not in MODELS or cluster.system_type not in SYSTEM_INSTANCE_TYPES:
        return
    needs = picker_needs(serving, capacity, workload, slo)
    cpu_milli, memory = picker_room(cluster.system_type)
    if needs.cpu_milli > cpu_milli or needs.memory > memory:
        yield Finding(
            at=("cluster", "system_instance_type"),
            got=f"{needs.cpu_milli / 1e3:g} cores and {needs.memory // 1_024} GiB for the picker",
            need=f"at most {cpu_milli / 1e3:g} cores and {memory // 1_024} GiB,"
            f" what {cluster.system_type} has left",
            fix="take a larger system_instance_type, or serve fewer prompt tokens a second",
        )


@rule("DISAGG-RTR-040", severity=Severity.WARNING)
def polling_is_paid_for(serving: Serving) -> Iterator[Finding]:
    """Metrics are not polled so often that it costs the picker a core.

    Upstream measured 7.5 cores for 100 pods every 50 ms, and the engines pay as well.
    """
    given = serving.router.metrics_interval_ms
    endpoints = serving.prefill.replicas + serving.decode.replicas
    usual = polling_interval_ms(endpoints)
    if given is not None and given * 4 <= usual:
        yield Finding(
            at=("serving", "router", "metrics_interval_ms"),
            got=f"every {given} ms for {endpoints} pods",
            need=f"about {usual} ms",
            fix="leave it out",
        )
