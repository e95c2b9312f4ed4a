import pytest

from disagg.catalog.router_plugins import (
    DEPRECATED_PLUGINS,
    ROUTER_PLUGINS,
    PluginKind,
    RouterPlugin,
    Stability,
    config_api_version,
)

UPSTREAM_SAMPLE = {
    "approx-prefix-cache-producer": {"maxPrefixTokensToMatch", "lruCapacityPerServer"},
    "disagg-profile-handler": {"deciders"},
    "prefix-based-pd-decider": {"nonCachedTokens"},
    "prefill-filter": set(),
    "decode-filter": set(),
    "max-score-picker": set(),
    "prefix-cache-scorer": set(),
    "queue-scorer": set(),
}
"""Plugins and parameters of deploy/config/pd-epp-config.yaml of llm-d-router at v0.10.0-rc.1."""


def test_upstreams_own_disaggregation_sample_is_known() -> None:
    for name, parameters in UPSTREAM_SAMPLE.items():
        assert parameters <= ROUTER_PLUGINS[name].parameters, name
        assert ROUTER_PLUGINS[name].stability is Stability.BETA


def test_every_kind_has_a_plugin() -> None:
    assert {plugin.kind for plugin in ROUTER_PLUGINS.values()} == set(PluginKind)


@pytest.mark.parametrize("plugin", ROUTER_PLUGINS.values(), ids=lambda plugin: plugin.type)
def test_a_plugin_is_consistent_in_itself(plugin: RouterPlugin) -> None:
    assert ROUTER_PLUGINS[plugin.type] is plugin
    assert plugin.deprecated <= plugin.parameters
    assert not any("-" in name or "+" in name for name in plugin.parameters)


def test_alpha_and_beta_do_not_share_a_type() -> None:
    alpha = [row for row in ROUTER_PLUGINS.values() if row.stability is Stability.ALPHA]
    assert {"session-affinity-scorer", "topology-affinity-filter"} <= {row.type for row in alpha}
    assert "prefix-cache-scorer" not in {row.type for row in alpha}


def test_a_parser_added_after_the_release_is_unknown() -> None:
    assert "sglanghttp-parser" not in ROUTER_PLUGINS


def test_deprecated_types_are_not_offered_and_their_successors_are() -> None:
    for old, new in DEPRECATED_PLUGINS.items():
        assert old not in ROUTER_PLUGINS
        assert new in ROUTER_PLUGINS


@pytest.mark.parametrize(
    ("router", "expected"),
    [
        ("0.8.0", "inference.networking.x-k8s.io/v1alpha1"),
        ("0.9.0", "llm-d.ai/v1alpha1"),
        ("0.10.0", "llm-d.ai/v1alpha1"),
    ],
)
def test_the_configuration_version_follows_the_router(router: str, expected: str) -> None:
    assert config_api_version(router) == expected


def test_an_unknown_router_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        config_api_version("0.11.0")
