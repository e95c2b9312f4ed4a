import pytest

from disagg.catalog.router_plugins import (
    CONFIG_API_VERSIONS,
    DEPRECATED_PLUGINS,
    ROUTER_VERSIONS,
    JsonType,
    PluginKind,
    Stability,
    config_api_version,
    router_plugins,
)

NOW = router_plugins("0.10.0")
VERSIONS = pytest.mark.parametrize("version", ROUTER_VERSIONS)

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
        assert parameters <= NOW[name].parameters.keys(), name
        assert NOW[name].stability is Stability.BETA


# Oracle: read by hand in upstream's registrations and parameter structs at each tag.
CHANGES = [
    ("precise-prefix-cache-producer", None, {"0.9", "0.10", "main"}),
    ("token-producer", None, {"0.9", "0.10", "main"}),
    ("file-discovery", None, {"0.9", "0.10", "main"}),
    ("topology-affinity-scorer", None, {"0.10", "main"}),
    ("sglanghttp-parser", None, {"main"}),
    ("queue-scorer", None, {"0.8", "0.9", "0.10", "main"}),
    ("prefix-based-pd-decider", "promptTokens", {"0.10", "main"}),
    ("prefix-based-pd-decider", "nonCachedTokens", {"0.8", "0.9", "0.10", "main"}),
    ("session-affinity-scorer", "headerName", {"0.8", "0.9"}),
    ("session-affinity-scorer", "sessionIdConfig", {"0.10", "main"}),
    ("metrics-data-source", "interval", {"0.10", "main"}),
    ("program-aware-fairness", "lasDecayFactor", {"0.9", "0.10"}),
]


@pytest.mark.parametrize(("type_", "parameter", "there"), CHANGES)
def test_a_plugin_and_its_parameters_are_there_in_the_versions_that_have_them(
    type_: str, parameter: str | None, there: set[str]
) -> None:
    rows = {version: router_plugins(version).get(type_) for version in ROUTER_VERSIONS}
    found = {v for v, row in rows.items() if row and parameter in {None, *row.parameters}}
    assert found == there


@VERSIONS
def test_every_kind_has_a_plugin(version: str) -> None:
    assert {plugin.kind for plugin in router_plugins(version).values()} == set(PluginKind)


@VERSIONS
def test_plugins_are_consistent_in_themselves(version: str) -> None:
    for type_, plugin in router_plugins(version).items():
        assert plugin.type == type_
        assert plugin.deprecated <= plugin.parameters.keys()
        assert not any(set("-+@<") & set(name) for name in plugin.parameters)


def test_alpha_and_beta_do_not_share_a_type() -> None:
    alpha = {row.type for row in NOW.values() if row.stability is Stability.ALPHA}
    assert {"session-affinity-scorer", "topology-affinity-filter"} <= alpha
    assert "prefix-cache-scorer" not in alpha


def test_a_parser_added_after_the_release_is_unknown() -> None:
    assert "sglanghttp-parser" not in NOW


def test_deprecated_types_are_not_offered_and_their_successors_are() -> None:
    for old, new in DEPRECATED_PLUGINS.items():
        assert old not in NOW
        assert new in NOW


@pytest.mark.parametrize(
    ("type_", "right", "wrong"),
    [
        (JsonType.STRING, ["", "x"], [1, None, ["x"]]),
        (JsonType.INTEGER, [0, -3], [1.5, "1", True, None]),
        (JsonType.NUMBER, [0, 1.5], ["1", False, None]),
        (JsonType.BOOLEAN, [True, False], [0, 1, "true", None]),
        (JsonType.OBJECT, [{}, {"a": 1}], [[], "x", None]),
        (JsonType.LIST, [[], ["x"]], [{}, "x", None]),
    ],
)
def test_a_type_takes_its_own_json_and_no_other(
    type_: JsonType, right: list[object], wrong: list[object]
) -> None:
    assert all(type_.takes(value) for value in right)
    assert not any(type_.takes(value) for value in wrong)


def test_every_version_with_plugins_has_an_api_version() -> None:
    assert set(CONFIG_API_VERSIONS) == set(ROUTER_VERSIONS)


@pytest.mark.parametrize(
    ("router", "expected"),
    [
        ("0.8.0", "inference.networking.x-k8s.io/v1alpha1"),
        ("0.9.0", "llm-d.ai/v1alpha1"),
        ("0.10.0", "llm-d.ai/v1alpha1"),
        ("main", "llm-d.ai/v1"),
    ],
)
def test_the_configuration_version_follows_the_router(router: str, expected: str) -> None:
    assert config_api_version(router) == expected


def test_an_unknown_router_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        config_api_version("0.11.0")
    with pytest.raises(KeyError):
        router_plugins("0.11.0")
