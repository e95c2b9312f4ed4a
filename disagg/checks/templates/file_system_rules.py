"""Rules about file systems of models in synthesized templates."""

from collections.abc import Iterator, Mapping
from typing import Any

from disagg.catalog.file_systems import DEPLOYMENT_TYPE, LUSTRE_PORTS, STORAGE_TYPE
from disagg.checks.rule import Finding, rule
from disagg.checks.templates.resources import Templates, referred, resources

FILE_SYSTEM = "AWS::FSx::FileSystem"
_ASSOCIATION = "AWS::FSx::DataRepositoryAssociation"
_INGRESS = "AWS::EC2::SecurityGroupIngress"
_EVENTS = {"NEW", "CHANGED", "DELETED"}


@rule("DISAGG-WGT-027")
def file_systems_are_encrypted_and_take_a_bucket(templates: Templates) -> Iterator[Finding]:
    """Every file system is PERSISTENT_2 on SSD in one subnet, under a KMS key that is named.

    Other deployment types take no data repository association; without a key that is named FSx
    uses its own, which no policy of the account governs. Source: FSx API reference,
    CreateFileSystemLustreConfiguration; CreateDataRepositoryAssociation.
    """
    for one in resources(templates, FILE_SYSTEM):
        lustre = one.properties.get("LustreConfiguration", {})
        got = (
            lustre.get("DeploymentType"),
            one.properties.get("StorageType"),
            len(one.properties.get("SubnetIds", [])),
            bool(one.properties.get("KmsKeyId")),
        )
        if got != (DEPLOYMENT_TYPE, STORAGE_TYPE, 1, True):
            yield Finding(
                at=(one.name, "LustreConfiguration"),
                got=f"{got[0]} on {got[1]} in {got[2]} subnets, {'a' if got[3] else 'no'} key",
                need=f"{DEPLOYMENT_TYPE} on {STORAGE_TYPE} in one subnet, a key",
                fix="make it with ModelFileSystem",
            )


@rule("DISAGG-WGT-028")
def buckets_are_shown_and_never_written(templates: Templates) -> Iterator[Finding]:
    """Every association shows what is new, changed or deleted in the bucket, and exports nothing.

    With an export, what a pod writes into the file system replaces what the loader checked. Without
    an import, a new revision never shows. Source: FSx for Lustre user guide, "Automatically import
    updates from your S3 bucket".
    """
    for one in resources(templates, _ASSOCIATION):
        given: Mapping[str, Any] = one.properties.get("S3", {})
        events = set(given.get("AutoImportPolicy", {}).get("Events", []))
        if events != _EVENTS or "AutoExportPolicy" in given:
            yield Finding(
                at=(one.name, "S3"),
                got=f"imports {', '.join(sorted(events)) or 'nothing'}"
                + (", and exports" if "AutoExportPolicy" in given else ""),
                need=f"imports {', '.join(sorted(_EVENTS))}, and no export",
                fix="make it with ModelFileSystem",
            )


@rule("DISAGG-WGT-029")
def lustre_is_open_to_groups_only(templates: Templates) -> Iterator[Finding]:
    """The group of a file system lets in Lustre's ports, from itself and from other groups only.

    FSx makes nothing when its group does not admit itself at 988; Lustre has no passwords, so who
    reaches the ports reads the files. Source: FSx for Lustre user guide,
    limit-access-security-groups and cannot-create-fs.
    """
    for one in resources(templates, FILE_SYSTEM):
        groups = {
            referred(templates, one.stack, group)
            for group in one.properties.get("SecurityGroupIds", [])
        }
        rules = [
            row
            for row in resources(templates, _INGRESS)
            if referred(templates, row.stack, row.properties.get("GroupId")) in groups
        ]
        wide = [
            row.logical_id
            for row in rules
            if (row.properties.get("FromPort"), row.properties.get("ToPort")) not in LUSTRE_PORTS
            or row.properties.get("IpProtocol") != "tcp"
            or not row.properties.get("SourceSecurityGroupId")
        ]
        own = {
            (row.properties.get("FromPort"), row.properties.get("ToPort"))
            for row in rules
            if referred(templates, row.stack, row.properties.get("SourceSecurityGroupId")) in groups
        }
        if wide or own != set(LUSTRE_PORTS):
            yield Finding(
                at=(one.name, "SecurityGroupIds"),
                got=f"rules {', '.join(wide)}" if wide else f"from itself: {sorted(map(str, own))}",
                need="TCP 988 and 1018 to 1023, from itself and from groups",
                fix="make it with ModelFileSystem",
            )
