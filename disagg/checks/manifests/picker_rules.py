"""Rules about the endpoint picker's configuration, what it accepts and does not do among it."""

from collections.abc import Iterator, Mapping

from disagg.catalog.images import IMAGE_PROFILES
from disagg.catalog.resources import ROLE_DECODE, ROLE_PREFILL
from disagg.catalog.router_plugins import (
    DEPRECATED_PLUGINS,
    PluginKind,
    RouterPlugin,
    Stability,
    config_api_version,
    router_plugins,
)
from disagg.checks.manifests.objects import At, Json, Manifests
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment

_ROLES = (ROLE_PREFILL, ROLE_DECODE)


def _known(environment: Environment) -> Mapping[str, RouterPlugin]:
    return router_plugins(IMAGE_PROFILES[environment.serving.image_profile].router)


def named(config: Json) -> dict[str, str]:
    """Return the plugins a configuration defines: name to type."""
    return {
        str(p.get("name", p.get("type"))): str(p.get("type")) for p in config.get("plugins", [])
    }


@rule("DISAGG-RTR-006")
def the_configuration_speaks_the_routers_version(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """There is one EndpointPickerConfig, of the apiVersion the pinned router reads.

    Each router knows one or two: another is refused at start, an old one is read with warnings.
    """
    profile = IMAGE_PROFILES[environment.serving.image_profile]
    wanted = config_api_version(profile.router)
    found = [config.get("apiVersion") for _, config in manifests.picker_configs()]
    if found != [wanted]:
        yield Finding(
            at=("ConfigMap",),
            got=f"{found or 'no EndpointPickerConfig'}",
            need=f"one of {wanted}",
            fix="take the apiVersion from the catalogue",
        )


@rule("DISAGG-RTR-007")
def plugins_are_known(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """Every plugin, parameter and JSON type is one the pinned router knows, none deprecated.

    An unknown type or parameter stops the picker, and so does text where a number is read;
    deprecated types go away in 0.11.
    """
    known = _known(environment)
    for at, config in manifests.picker_configs():
        for index, plugin in enumerate(config.get("plugins", [])):
            for name, wrong in _plugin_faults(plugin, known):
                instead = DEPRECATED_PLUGINS.get(name, "a name the router's release notes list")
                yield Finding(
                    at=(*at, "plugins", index),
                    got=f"{name}: {wrong}",
                    need="plugins and parameters of the pinned router",
                    fix=f"use {instead}",
                )


def _plugin_faults(plugin: Json, known: Mapping[str, RouterPlugin]) -> Iterator[tuple[str, str]]:
    type_ = str(plugin.get("type"))
    row = known.get(type_)
    if row is None:
        yield type_, "unknown or deprecated"
        return
    for name, value in sorted((plugin.get("parameters") or {}).items()):
        wanted = row.parameters.get(name)
        if wanted is None or name in row.deprecated:
            yield name, "unknown or deprecated"
        elif not wanted.takes(value):
            yield name, f"{value!r}, needed {wanted.words}"


@rule("DISAGG-RTR-008")
def alpha_plugins_are_asked_for(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Alpha plugins are used only where the picker runs with --allow-experimental-plugins.

    Without it the picker does not start: one upstream sample configuration fails so.
    """
    allowed = any(
        picker.flags.get("--allow-experimental-plugins", "no") in {None, "true"}
        for _, picker in manifests.pickers
    )
    known = _known(environment)
    for at, config in manifests.picker_configs():
        for name, type_ in named(config).items():
            row = known.get(type_)
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
    for at, config in manifests.picker_configs():
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
    for at, config in manifests.picker_configs():
        types = named(config)
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
def requests_are_disaggregated(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """The profile handler is the disaggregating one, with a decider for prefill that can say yes.

    `prefix-based-pd-decider` without `nonCachedTokens` never disaggregates: 0 means off, although
    an upstream comment says "always".
    """
    for at, config in manifests.picker_configs():
        plugins = config.get("plugins", [])
        known = _known(environment)
        kinds = {name: known.get(type_) for name, type_ in named(config).items()}
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
def only_scorers_carry_weights(manifests: Manifests, environment: Environment) -> Iterator[Finding]:
    """A weight stands on scorers only, and every scorer has one.

    The picker accepts a weight on a filter and ignores it: whoever wrote it believes it works.
    """
    known = _known(environment)
    for at, config in manifests.picker_configs():
        types = named(config)
        for p, profile in enumerate(config.get("schedulingProfiles", [])):
            for i, entry in enumerate(profile.get("plugins", [])):
                row = known.get(types.get(str(entry.get("pluginRef")), ""))
                scores = row is not None and row.kind is PluginKind.SCORER
                if row is not None and scores != ("weight" in entry):
                    yield Finding(
                        at=(*at, "schedulingProfiles", p, "plugins", i),
                        got=f"{entry}",
                        need="a weight" if scores else "no weight",
                        fix="weights belong to scorers",
                    )
