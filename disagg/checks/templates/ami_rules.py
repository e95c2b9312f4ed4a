"""Rules about what follows a node's AMI: the language of its user data, its volumes, its plugin."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from disagg.catalog.amis import (
    AMI_FAMILIES,
    BOTTLEROCKET_SETTINGS,
    LOCAL_DISK_DIRECTORIES,
    AmiFamily,
)
from disagg.catalog.dra import DRA, LABEL_DEVICE_EXPOSURE
from disagg.checks.rule import Finding, rule
from disagg.checks.templates.resources import (
    NODE_GROUP,
    Resource,
    Templates,
    launch_data,
    launch_template_of,
    resources,
)

_BY_TYPE = {one.ami_type: one for one in AMI_FAMILIES.values()}
_INIT = ["apiclient", "ephemeral-storage", "init"]
_BIND = ["apiclient", "ephemeral-storage", "bind", "--dirs"]


def _gpu_nodes(templates: Templates) -> Iterator[tuple[Resource, Resource, AmiFamily, str]]:
    """Yield node groups of a known family: group, launch template, family and user data."""
    for group in resources(templates, NODE_GROUP):
        family = _BY_TYPE.get(group.properties.get("AmiType", ""))
        template = launch_template_of(templates, group)
        if family is not None and template is not None:
            given = launch_data(template).get("UserData", {})
            text = given.get("Fn::Base64", "") if isinstance(given, Mapping) else ""
            yield group, template, family, str(text)


@rule("DISAGG-DEV-008")
def user_data_speaks_the_language_of_its_ami(templates: Templates) -> Iterator[Finding]:
    """User data of GPU nodes joins their local disks, in the language that the AMI reads.

    Amazon Linux reads MIME parts and ignores TOML: images and caches then land on the root volume,
    at a thirtieth of the speed. Bottlerocket reads TOML, and one key that it does not know keeps
    the node from booting. Source: awslabs/amazon-eks-ami, nodeadm; bottlerocket.dev, API settings
    and bootstrap commands.
    """
    for _, template, family, text in _gpu_nodes(templates):
        wrong = _not_mime(text) if family.user_data == "mime" else "; ".join(_not_toml(text))
        if wrong:
            yield Finding(
                at=(template.name, "LaunchTemplateData", "UserData"),
                got=f"{family.name}: {wrong}",
                need="local disks as one array, in "
                + ("a NodeConfig part" if family.user_data == "mime" else "settings it knows"),
                fix="take the text of disagg_constructs.node_user_data",
            )


def _not_mime(text: str) -> str:
    if not text.startswith("MIME-Version: "):
        return "no MIME parts"
    if "Content-Type: application/node.eks.aws" not in text or "strategy: RAID0" not in text:
        return "no NodeConfig with localStorage.strategy RAID0"
    return ""


def _not_toml(text: str) -> Iterator[str]:
    try:
        settings = tomllib.loads(text).get("settings", {})
    except tomllib.TOMLDecodeError as error:
        yield f"no TOML: {error}"
        return
    for path, value in _leaves(settings):
        known = BOTTLEROCKET_SETTINGS.get(_known(path))
        if known is None:
            yield f"unknown setting settings.{'.'.join(path)}"
        elif type(value) is not known.kind:
            yield f"settings.{'.'.join(path)} is no {known.kind.__name__}"
    made = list(settings.get("bootstrap-commands", {}).values())
    joins = [one for one in made if [*one.get("commands", [[]])][:1] == [_INIT]]
    bound = [command for one in joins for command in one["commands"][1:] if command[:4] == _BIND]
    if not bound or not set(LOCAL_DISK_DIRECTORIES) <= set(bound[0][4:]):
        yield f"local disks do not carry {', '.join(LOCAL_DISK_DIRECTORIES)}"
    elif not all(one.get("essential") is True and one.get("mode") == "always" for one in joins):
        yield "a node may boot without its local disks"


def _leaves(
    settings: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _known(path: tuple[str, ...]) -> str:
    """Return the row of the table of settings that a path belongs to, or the path itself."""
    for known in BOTTLEROCKET_SETTINGS:
        parts = known.split(".")
        if len(parts) == len(path) and all(
            part in ("*", name) for part, name in zip(parts, path, strict=True)
        ):
            return known
    return ".".join(path)


@rule("DISAGG-DEV-009")
def volumes_follow_the_ami(templates: Templates) -> Iterator[Finding]:
    """Bottlerocket nodes map a system and a data volume, Amazon Linux nodes a root volume.

    A volume that is not mapped has the size and the encryption of the AMI's maker; one that the AMI
    does not know is paid for and stays empty. Source: EKS user guide, launch-templates;
    bottlerocket-os/bottlerocket README, default volumes.
    """
    for _, template, family, _ in _gpu_nodes(templates):
        wanted = ["/dev/xvda"] if family.system_volume_gib is None else ["/dev/xvda", "/dev/xvdb"]
        mapped = launch_data(template).get("BlockDeviceMappings", [])
        got = sorted(str(one.get("DeviceName")) for one in mapped)
        if got != wanted:
            yield Finding(
                at=(template.name, "LaunchTemplateData", "BlockDeviceMappings"),
                got=f"{family.name} with {', '.join(got) or 'no volume'}",
                need=" and ".join(wanted),
                fix="map the volumes of the AMI",
            )


@rule("DISAGG-DEV-010")
def one_hands_out_the_gpus_of_a_node(templates: Templates) -> Iterator[Finding]:
    """Bottlerocket's own device plugin is off where a DRA driver runs, and on where none does.

    Both would hand out the same GPU; with neither the node offers none. Source: EKS user guide,
    device-management-nvidia (Bottlerocket 1.63 or later).
    """
    for group, template, family, text in _gpu_nodes(templates):
        if not family.brings_gpu_plugin:
            continue
        claimed = group.properties.get("Labels", {}).get(LABEL_DEVICE_EXPOSURE) == DRA
        off = "[settings.kubelet-device-plugins.nvidia]\nenabled = false" in text
        if claimed != off:
            yield Finding(
                at=(template.name, "LaunchTemplateData", "UserData"),
                got=f"the AMI's device plugin is {'off' if off else 'on'}"
                f" {'beside' if claimed else 'without'} a DRA driver",
                need="one of the two",
                fix="set kubelet-device-plugins.nvidia.enabled to the opposite of DRA",
            )
