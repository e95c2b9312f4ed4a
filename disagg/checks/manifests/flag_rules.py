"""Rules about the arguments programs are started with."""

from collections.abc import Iterator

from disagg.catalog.flags import ENDPOINT_PICKER, FLAG_TABLES, SIDECAR, VLLM, FlagTable
from disagg.catalog.images import IMAGE_PROFILES
from disagg.checks.manifests.objects import Container, Manifests
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment


def _table(container: Container, environment: Environment) -> FlagTable | None:
    profile = IMAGE_PROFILES[environment.serving.image_profile]
    versions = {
        VLLM: profile.vllm,
        ENDPOINT_PICKER: profile.router,
        SIDECAR: profile.sidecar_version,
    }
    program = container.program or ""
    return FLAG_TABLES.get((program, versions.get(program, "")))


def _containers(manifests: Manifests) -> Iterator[Container]:
    for workload in manifests.workloads:
        yield from workload.containers


@rule("DISAGG-POD-015")
def flags_exist_in_the_pinned_version(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Every flag of vLLM, the endpoint picker and the sidecar exists in the pinned version.

    Deprecated flags are refused too. Flags come and go between minor versions, and an unknown one
    ends in a crash loop on a node that costs money. Source: the flag tables of the catalogue.
    """
    for container in _containers(manifests):
        table = _table(container, environment)
        if container.program not in {VLLM, ENDPOINT_PICKER, SIDECAR}:
            continue
        if table is None:
            yield Finding(
                at=(*container.at, "image"),
                got=f"no flag table for {container.program} of this image profile",
                need="a version whose flags are known",
                fix="use an image profile that can be checked",
            )
            continue
        for flag, value in container.flags.items():
            wrong = _flag_fault(table, flag, value)
            if wrong:
                yield Finding(
                    at=(*container.at, "args"),
                    got=f"{flag}: {wrong}",
                    need=f"a flag of {table.program} {table.version}",
                    fix="look the flag up in the release notes of that version",
                )


def _flag_fault(table: FlagTable, flag: str, value: str | None) -> str:
    if flag not in table.flags | table.short_flags:
        return "unknown"
    if flag in table.refused or flag in table.deprecated:
        return "deprecated"
    if flag in table.takes_value and value is None:
        return "has no value"
    if flag not in table.takes_value and value is not None and not table.switch_takes_equals:
        return f"takes no value, got {value!r}"
    return ""
