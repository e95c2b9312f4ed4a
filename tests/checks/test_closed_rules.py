"""Rules about a network without internet: over its file, its templates and its manifests."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from closed import CLOSED, ECR, closed
from shipped import checked, edited

import disagg_k8s
from disagg.checks.environment import check
from disagg.checks.manifests import MANIFEST_RULES, check_manifests
from disagg.checks.templates import TEMPLATE_RULES, check_templates
from disagg.config.yaml_reader import read_text
from disagg.errors import InvalidInputError
from tests.stacks.synthesis import Template, synthesize

SHUT = closed()
STACKS = synthesize(SHUT)
NETWORK = "Disagg-Pilot-Network"
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret"  # noqa: S105
Given = dict[str, Template]


def add(given: Given, kind: str, **properties: Any) -> None:
    given[NETWORK]["Resources"]["Added"] = {"Type": f"AWS::EC2::{kind}", "Properties": properties}


def first(given: Given, kind: str) -> dict[str, Any]:
    for template in given.values():
        for one in template["Resources"].values():
            if one["Type"] == f"AWS::EC2::{kind}":
                properties: dict[str, Any] = one["Properties"]
                return properties
    raise LookupError(kind)


def statement(given: Given, number: int = 0) -> dict[str, Any]:
    row: dict[str, Any] = first(given, "VPCEndpoint")["PolicyDocument"]["Statement"][number]
    return row


def interface(given: Given) -> dict[str, Any]:
    card: dict[str, Any] = first(given, "LaunchTemplate")["LaunchTemplateData"]
    return next(
        row
        for template in given.values()
        for one in template["Resources"].values()
        if one["Type"] == "AWS::EC2::LaunchTemplate"
        for row in one["Properties"]["LaunchTemplateData"].get("NetworkInterfaces", [])
        if card
    )


VIOLATIONS: list[tuple[str, str, Callable[[Given], object]]] = [
    ("020", "internet gateway", lambda t: add(t, "InternetGateway")),
    ("020", "NAT gateway", lambda t: add(t, "NatGateway", SubnetId="subnet-1")),
    ("020", "gateway for IPv6", lambda t: add(t, "EgressOnlyInternetGateway", VpcId="vpc-1")),
    ("020", "public address", lambda t: add(t, "EIP", Domain="vpc")),
    ("020", "attachment", lambda t: add(t, "VPCGatewayAttachment", VpcId="vpc-1")),
    (
        "021",
        "route through a transit gateway",
        lambda t: add(t, "Route", DestinationCidrBlock="0.0.0.0/0", TransitGatewayId="tgw-1"),
    ),
    ("021", "IPv6 route", lambda t: add(t, "Route", DestinationIpv6CidrBlock="::/0")),
    ("022", "public subnet", lambda t: first(t, "Subnet").update(MapPublicIpOnLaunch=True)),
    ("022", "public node", lambda t: interface(t).update(AssociatePublicIpAddress=True)),
    ("023", "no policy", lambda t: first(t, "VPCEndpoint").pop("PolicyDocument")),
    ("023", "no statement", lambda t: first(t, "VPCEndpoint").update(PolicyDocument={})),
    ("023", "everybody", lambda t: statement(t).pop("Condition")),
    (
        "023",
        "resources of everybody",
        lambda t: statement(t)["Condition"].pop("StringEqualsIfExists"),
    ),
    (
        "023",
        "another account",
        lambda t: statement(t)["Condition"]["StringEquals"].update(
            {"aws:PrincipalAccount": "210987654321"}
        ),
    ),
    (
        "023",
        "writing where AWS is read",
        lambda t: first(t, "VPCEndpoint")["PolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": ["arn:x"]}
        ),
    ),
    ("024", "egress left out", lambda t: first(t, "SecurityGroup").pop("SecurityGroupEgress", 0)),
    (
        "024",
        "egress to everywhere",
        lambda t: add(t, "SecurityGroupEgress", GroupId="sg-1", CidrIp="0.0.0.0/0"),
    ),
]


def test_what_the_stacks_make_keeps_every_rule() -> None:
    assert check_templates(STACKS, SHUT) == []


@pytest.mark.parametrize(
    ("code", "change"),
    [(c, f) for c, _, f in VIOLATIONS],
    ids=[f"{c} {w}" for c, w, _ in VIOLATIONS],
)
def test_a_way_out_or_in_is_found(code: str, change: Callable[[Given], object]) -> None:
    given = copy.deepcopy(STACKS)
    change(given)
    assert given != STACKS
    found = check_templates(given, SHUT)
    assert {one.code for one in found} == {f"DISAGG-NET-{code}"}


def test_with_internet_the_same_is_no_finding() -> None:
    for code, _, change in VIOLATIONS:
        given = copy.deepcopy(STACKS)
        change(given)
        assert f"DISAGG-NET-{code}" not in {
            one.code for one in check_templates(given, checked().environment)
        }


def test_every_rule_about_closed_templates_is_broken_by_some_change() -> None:
    codes = {one.code for one in TEMPLATE_RULES if one.code.startswith("DISAGG-NET-")}
    assert codes == {f"DISAGG-NET-{code}" for code, _, _ in VIOLATIONS}


RENDERED = disagg_k8s.render(SHUT)


def test_every_image_of_the_manifests_is_the_accounts_own() -> None:
    assert check_manifests(RENDERED, SHUT) == []


@pytest.mark.parametrize("image", ["ghcr.io/llm-d/x:v1", f"{ECR}.example.com/pilot/x:v1"])
def test_an_image_from_elsewhere_is_found(image: str) -> None:
    files = copy.deepcopy(RENDERED)
    (router,) = [o for o in files["70-router.yaml"] if o["kind"] == "Deployment"]
    router["spec"]["template"]["spec"]["containers"][0]["image"] = image
    assert "DISAGG-NET-030" in {one.code for one in check_manifests(files, SHUT)}
    assert "DISAGG-NET-030" in {one.code for one in MANIFEST_RULES}


def test_an_account_id_is_let_into_a_manifest_as_a_registry_only() -> None:
    files = copy.deepcopy(RENDERED)
    files["00-namespaces.yaml"][0]["metadata"]["labels"]["owner"] = "123456789012"
    assert "DISAGG-OBJ-001" in {one.code for one in check_manifests(files, SHUT)}


def test_a_job_that_would_ask_the_hub_is_found_in_a_closed_network() -> None:
    job = disagg_k8s.render(checked(serving__weights=CLOSED["serving.weights"]).environment)
    files = RENDERED | {"25-model-loading.yaml": job["25-model-loading.yaml"]}
    assert "DISAGG-WGT-014" in {one.code for one in check_manifests(files, SHUT)}


@pytest.mark.parametrize(
    ("edits", "code", "path"),
    [
        *(
            ({"aws.kms_key_arn": f"arn:{where}:key/1234abcd"}, "DISAGG-OWN-018", "aws.kms_key_arn")
            for where in (
                "aws:kms:us-east-1:123456789012",
                "aws:kms:us-west-2:210987654321",
                "aws-us-gov:kms:us-west-2:123456789012",
            )
        ),
        ({"network.internet": "none"}, "DISAGG-NET-008", "serving.weights.kind"),
        ({"network.internet": "none"}, "DISAGG-NET-009", "images.kind"),
        (
            {"aws.region": "us-gov-west-1", "images": {"kind": "ecr", "pull_through": True}},
            "DISAGG-NET-011",
            "images.pull_through",
        ),
        (
            {"images": {"kind": "ecr", "credentials": {"docker_hub": f"{SECRET}:x-AbCdEf"}}},
            "DISAGG-NET-012",
            "images.credentials.docker_hub",
        ),
        (
            {
                "images": {
                    "kind": "ecr",
                    "pull_through": True,
                    "credentials": {"github": f"{SECRET}:ghcr-AbCdEf"},
                }
            },
            "DISAGG-NET-012",
            "images.credentials.github",
        ),
    ],
)
def test_a_file_is_refused_at_the_key_that_is_wrong(
    edits: dict[str, Any], code: str, path: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check(read_text(edited("pilot", edits), "pilot.yaml"))
    assert (code, path) in {(one.code, one.path) for one in refused.value.problems}
