"""Rules over the volume and the file system of models: kept by what is made, broken by changes."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from manifest_edits import pod, server
from shipped import checked

import disagg_k8s
from disagg.checks.manifests import check_manifests, volume_rules
from disagg.checks.rule import rules_of
from disagg.checks.templates import check_templates, file_system_rules
from tests.stacks.synthesis import Template, of_type, synthesize

FSX = {"kind": "fsx", "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"}
STATED = FSX | {"file_system": {"id": "fs-0123456789abcdef0", "mount_name": "fsxabcde"}}
MOUNTED = checked("pilot", serving__weights=STATED).environment
WRITTEN = disagg_k8s.render(MOUNTED)
Files = dict[str, list[dict[str, Any]]]
STORAGE = "Disagg-Pilot-Storage"
Given = dict[str, Template]


def spec(files: Files, number: int) -> dict[str, Any]:
    """Return the spec of the volume (0) or of the claim (1)."""
    found: dict[str, Any] = files["26-model-volume.yaml"][number]["spec"]
    return found


def models(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return next(one for one in rows if one["name"] == "models")


MANIFESTS: list[tuple[str, str, Callable[[Files], object]]] = [
    ("017", "no claim", lambda f: f["26-model-volume.yaml"].pop()),
    ("017", "any volume", lambda f: spec(f, 1).pop("volumeName")),
    ("017", "a volume for others", lambda f: spec(f, 0)["claimRef"].update(namespace="default")),
    ("017", "another file system", lambda f: spec(f, 0)["csi"].update(volumeHandle="fs-0")),
    ("017", "another driver", lambda f: spec(f, 0)["csi"].update(driver="efs.csi.aws.com")),
    (
        "017",
        "no mount name, which the driver takes for `fsx`",
        lambda f: spec(f, 0)["csi"]["volumeAttributes"].pop("mountname"),
    ),
    ("018", "what the driver refuses", lambda f: spec(f, 0).update(accessModes=["ReadOnlyMany"])),
    (
        "018",
        "a claim that is written",
        lambda f: models(pod(f, "decode")["volumes"])["persistentVolumeClaim"].pop("readOnly"),
    ),
    (
        "018",
        "a mount that is written",
        lambda f: models(server(f, "decode")["volumeMounts"]).update(readOnly=False),
    ),
]


@pytest.mark.parametrize(
    ("number", "change"),
    [(number, change) for number, _, change in MANIFESTS],
    ids=[f"{number} {what}" for number, what, _ in MANIFESTS],
)
def test_a_volume_that_was_changed_for_the_worse_is_found(
    number: str, change: Callable[[Files], object]
) -> None:
    files = copy.deepcopy(WRITTEN)
    change(files)
    assert files != WRITTEN
    problems = check_manifests(files, MOUNTED)
    assert f"DISAGG-WGT-{number}" in {one.code for one in problems}
    assert all(one.path and one.got and one.need and one.fix for one in problems)


def test_a_volume_that_no_file_states_is_found() -> None:
    unstated = checked("pilot", serving__weights=FSX).environment
    assert "DISAGG-WGT-017" in {one.code for one in check_manifests(WRITTEN, unstated)}


def test_servers_of_another_directory_than_the_files_are_found() -> None:
    files = copy.deepcopy(WRITTEN)
    server(files, "decode")["args"][0] = "/mnt/models/other"
    found = {one.code for one in check_manifests(files, MOUNTED)}
    assert {"DISAGG-WGT-011", "DISAGG-WGT-014"} <= found


@cache
def _made() -> Given:
    return synthesize(MOUNTED)


def properties(given: Given, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(of_type(given[STORAGE], kind).values()))
    return found


def file_system(given: Given) -> dict[str, Any]:
    return properties(given, "AWS::FSx::FileSystem")


def link(given: Given) -> dict[str, Any]:
    found: dict[str, Any] = properties(given, "AWS::FSx::DataRepositoryAssociation")["S3"]
    return found


def rules_of_the_group(given: Given) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = of_type(given[STORAGE], "AWS::EC2::SecurityGroupIngress")
    return found


def _own(given: Given) -> dict[str, Any]:
    return next(one for name, one in rules_of_the_group(given).items() if "FromServers988" in name)


TEMPLATES: list[tuple[str, Callable[[Given], object]]] = [
    ("027", lambda t: file_system(t).pop("KmsKeyId")),
    ("027", lambda t: file_system(t)["LustreConfiguration"].update(DeploymentType="SCRATCH_2")),
    ("027", lambda t: file_system(t).update(StorageType="HDD")),
    ("027", lambda t: file_system(t)["SubnetIds"].append("subnet-1")),
    ("028", lambda t: link(t).update(AutoExportPolicy={"Events": ["NEW"]})),
    ("028", lambda t: link(t)["AutoImportPolicy"]["Events"].remove("NEW")),
    ("028", lambda t: link(t).pop("AutoImportPolicy")),
    ("029", lambda t: _own(t).update(FromPort=0, ToPort=65535)),
    ("029", lambda t: _own(t).update(IpProtocol="-1")),
    ("029", lambda t: (_own(t).pop("SourceSecurityGroupId"), _own(t).update(CidrIp="10.0.0.0/8"))),
    ("029", lambda t: _own(t).update(SourceSecurityGroupId="sg-others")),
]


def test_what_is_made_breaks_no_rule() -> None:
    assert check_templates(_made()) == []
    assert check_manifests(WRITTEN, MOUNTED) == []


@pytest.mark.parametrize(
    ("number", "change"),
    TEMPLATES,
    ids=[f"{row[0]}-{index}" for index, row in enumerate(TEMPLATES)],
)
def test_a_file_system_that_was_changed_for_the_worse_is_found_where_it_is(
    number: str, change: Callable[[Given], object]
) -> None:
    given = copy.deepcopy(_made())
    change(given)
    (found,) = [one for one in check_templates(given) if one.code == f"DISAGG-WGT-{number}"]
    assert found.path.startswith(f"{STORAGE}/FileSystem")


def test_every_rule_is_broken_by_some_change() -> None:
    broken = {row[0] for row in MANIFESTS} | {row[0] for row in TEMPLATES}
    codes = {one.code for one in rules_of(volume_rules, file_system_rules)}
    assert {f"DISAGG-WGT-{number}" for number in broken} == codes
