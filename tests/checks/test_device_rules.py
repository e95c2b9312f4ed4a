"""Rules over manifests and templates about devices and AMIs, each broken in one place."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from shipped import checked

import disagg_k8s
from disagg.checks.manifests import check_manifests
from disagg.checks.manifests import device_rules as manifest_rules
from disagg.checks.rule import Rule, rules_of
from disagg.checks.templates import ami_rules, check_templates
from disagg.config.environment import Environment
from tests.stacks.synthesis import Template, synthesize

Files = dict[str, list[dict[str, Any]]]
Edits = dict[str, Any]
DRA: Edits = {"capacity__device_exposure": "dra"}
PLUGIN: Edits = {}
P5_WHOLE = {
    **DRA,
    "capacity__prefill__instance_type": "p5.48xlarge",
    "capacity__decode__instance_type": "p5.48xlarge",
    "serving__prefill": {"replicas": 1, "tensor_parallel": 8},
    "serving__decode": {"replicas": 1, "tensor_parallel": 8},
}
G6E = {
    **DRA,
    "serving__model": "openai/gpt-oss-20b",
    "capacity__prefill__instance_type": "g6e.48xlarge",
    "capacity__decode__instance_type": "g6e.48xlarge",
    "serving__prefill": {"replicas": 4, "tensor_parallel": 1},
    "serving__decode": {"replicas": 1, "tensor_parallel": 8},
}
BOTH_ROCKETS = {
    "capacity__prefill__ami": "bottlerocket",
    "capacity__decode__ami": "bottlerocket",
}


def environment(**edits: Any) -> Environment:
    return checked("pilot", **edits).environment


def pod(files: Files, name: str) -> dict[str, Any]:
    (found,) = [
        one
        for objects in files.values()
        for one in objects
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", name)
    ]
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


def server(files: Files, name: str = "decode") -> dict[str, Any]:
    resources: dict[str, Any] = pod(files, name)["containers"][0]["resources"]
    return resources


def template(files: Files, role: str) -> dict[str, Any]:
    (found,) = [
        one
        for one in files["25-device-claims.yaml"]
        if one["metadata"]["name"].startswith(f"{role}-")
    ]
    devices: dict[str, Any] = found["spec"]["spec"]["devices"]
    return devices


def count_beside_claims(files: Files) -> None:
    for amounts in ("requests", "limits"):
        server(files)[amounts]["nvidia.com/gpu"] = "4"


def claim_beside_counts(files: Files) -> None:
    claim = {"name": "devices", "resourceClaimTemplateName": "x"}
    pod(files, "decode")["resourceClaims"] = [claim]


VIOLATIONS: list[tuple[str, str, Edits, Callable[[Files], Any]]] = [
    ("005", "counted GPUs with DRA", DRA, count_beside_claims),
    ("005", "claims with device plugins", PLUGIN, claim_beside_counts),
    ("006", "no template", DRA, lambda f: f["25-device-claims.yaml"].clear()),
    ("006", "another name in a container", DRA, lambda f: server(f)["claims"][0].update(name="x")),
    ("006", "no claim in the pod", DRA, lambda f: pod(f, "decode").pop("resourceClaims")),
    (
        "006",
        "a claim that no container names",
        DRA,
        lambda f: pod(f, "decode")["resourceClaims"].append(
            {"name": "more", "resourceClaimTemplateName": "decode-4gpu-4efa-near"}
        ),
    ),
    (
        "007",
        "an unknown class",
        DRA,
        lambda f: template(f, "decode")["requests"][0]["exactly"].update(deviceClassName="x"),
    ),
    (
        "007",
        "all devices",
        DRA,
        lambda f: template(f, "decode")["requests"][0]["exactly"].update(allocationMode="All"),
    ),
    (
        "007",
        "too many devices",
        DRA,
        lambda f: template(f, "baseline")["requests"][0]["exactly"].update(count=33),
    ),
    (
        "007",
        "two EFA devices on a root that has one",
        DRA,
        lambda f: template(f, "prefill")["requests"][1]["exactly"].update(count=2),
    ),
    (
        "007",
        "all pairs on one root",
        DRA,
        lambda f: template(f, "decode").update(
            constraints=[
                {
                    "requests": [one["name"] for one in template(f, "decode")["requests"]],
                    "matchAttribute": "resource.kubernetes.io/pcieRoot",
                }
            ]
        ),
    ),
    ("007", "no constraint", DRA, lambda f: template(f, "decode").pop("constraints")),
    (
        "007",
        "another attribute",
        DRA,
        lambda f: template(f, "decode")["constraints"][0].update(matchAttribute="dra.net/numaNode"),
    ),
    (
        "007",
        "a constraint on nothing",
        DRA,
        lambda f: template(f, "decode")["constraints"][0]["requests"].append("gpu-9"),
    ),
    # What other rules say must hold for claims too: they read devices through them.
    ("SRV-003", "fewer GPUs", DRA, lambda f: template(f, "decode")["requests"].pop(0)),
    ("SRV-008", "fewer EFA devices", DRA, lambda f: template(f, "decode")["requests"].pop(1)),
    ("SRV-010", "a gate without devices", DRA, lambda f: gate(f)["resources"].pop("claims")),
    ("POD-013", "no toleration", DRA, lambda f: pod(f, "decode").pop("tolerations")),
]


def gate(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = pod(files, "decode")["initContainers"][0]
    assert found["name"] == "fabric-gate"
    return found


def full_code(number: str) -> str:
    return f"DISAGG-{number}" if "-" in number else f"DISAGG-DEV-{number}"


@pytest.mark.parametrize(
    ("number", "edits", "mutate"),
    [(number, edits, mutate) for number, _, edits, mutate in VIOLATIONS],
    ids=[f"{number} {what}" for number, what, _, _ in VIOLATIONS],
)
def test_a_violation_is_found(number: str, edits: Edits, mutate: Callable[[Files], Any]) -> None:
    given = environment(**edits)
    files = copy.deepcopy(disagg_k8s.render(given))
    assert check_manifests(files, given) == []
    mutate(files)
    found = [one for one in check_manifests(files, given) if one.code == full_code(number)]
    assert found
    assert all(one.path and one.got and one.need and one.fix for one in found)


@pytest.mark.parametrize("edits", [DRA, P5_WHOLE, G6E, {**DRA, **BOTH_ROCKETS}])
def test_what_is_rendered_with_claims_breaks_no_rule(edits: Edits) -> None:
    given = environment(**edits)
    assert check_manifests(disagg_k8s.render(given), given) == []


def test_devices_of_a_claim_are_booked_once_however_many_containers_name_it() -> None:
    given = environment(**DRA)
    files = copy.deepcopy(disagg_k8s.render(given))
    pod(files, "decode")["containers"].append(
        {**pod(files, "decode")["containers"][0], "name": "second"}
    )
    assert "DISAGG-POD-014" not in {
        one.code for one in check_manifests(files, given) if one.got.startswith("nvidia.com/gpu")
    }


CAPACITY = "Disagg-Pilot-Capacity"
Given = dict[str, Template]


def launch(given: Given) -> dict[str, Any]:
    bodies = given[CAPACITY]["Resources"].values()
    properties = next(b for b in bodies if b["Type"] == "AWS::EC2::LaunchTemplate")["Properties"]
    data: dict[str, Any] = properties["LaunchTemplateData"]
    return data


def text(change: Callable[[str], str]) -> Callable[[Given], None]:
    def mutate(given: Given) -> None:
        data = launch(given)["UserData"]
        changed = change(data["Fn::Base64"])
        assert changed != data["Fn::Base64"]
        data["Fn::Base64"] = changed

    return mutate


TOML = {**BOTH_ROCKETS}
TOML_DRA = {**BOTH_ROCKETS, **DRA}
IN_TEMPLATES: list[tuple[str, str, Edits, Callable[[Given], Any]]] = [
    ("008", "TOML for Amazon Linux", {}, text(lambda _: "[settings]\n")),
    ("008", "no RAID", {}, text(lambda t: t.replace("RAID0", "Mount"))),
    ("008", "nothing for Amazon Linux", {}, lambda t: launch(t).pop("UserData")),
    ("008", "MIME for Bottlerocket", TOML, text(lambda _: "MIME-Version: 1.0\n\n--x\n")),
    ("008", "an unknown setting", TOML, text(lambda t: f"{t}\n[settings.motd]\ntext = 'x'\n")),
    ("008", "a number for text", TOML, text(lambda t: t.replace('"5128"', "5128"))),
    ("008", "a boot without disks", TOML, text(lambda t: t.replace("essential = true", ""))),
    ("008", "once only", TOML, text(lambda t: t.replace('"always"', '"once"'))),
    ("008", "no bind", TOML, text(lambda t: t.replace('"bind"', '"init"'))),
    ("008", "kubelet elsewhere", TOML, text(lambda t: t.replace(', "/var/lib/kubelet"', ""))),
    ("009", "one volume", TOML, lambda t: launch(t)["BlockDeviceMappings"].pop()),
    (
        "009",
        "two volumes",
        {},
        lambda t: launch(t)["BlockDeviceMappings"].append(
            {**launch(t)["BlockDeviceMappings"][0], "DeviceName": "/dev/xvdb"}
        ),
    ),
    ("010", "plugin and driver", TOML_DRA, text(lambda t: t.replace("= false", "= true"))),
    (
        "010",
        "neither",
        TOML,
        text(lambda t: f"{t}\n[settings.kubelet-device-plugins.nvidia]\nenabled = false\n"),
    ),
]


@pytest.mark.parametrize(
    ("number", "edits", "mutate"),
    [(number, edits, mutate) for number, _, edits, mutate in IN_TEMPLATES],
    ids=[f"{number} {what}" for number, what, _, _ in IN_TEMPLATES],
)
def test_a_violation_in_templates_is_found(
    number: str, edits: Edits, mutate: Callable[[Given], Any]
) -> None:
    given = copy.deepcopy(synthesize(environment(**edits)))
    assert check_templates(given) == []
    mutate(given)
    found = [one for one in check_templates(given) if one.code == full_code(number)]
    assert found
    assert all(one.path.startswith(f"{CAPACITY}/") for one in found)


def test_every_rule_has_a_violation() -> None:
    mine: tuple[Rule, ...] = rules_of(manifest_rules, ami_rules)
    broken = {full_code(row[0]) for row in (*VIOLATIONS, *IN_TEMPLATES)}
    assert {one.code for one in mine} <= broken
