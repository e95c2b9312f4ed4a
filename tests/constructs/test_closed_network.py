"""A VPC without internet, and the repositories of its images, as constructs alone."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms

from disagg.planner.endpoint_policies import endpoint_policy
from disagg_constructs import (
    CacheRule,
    ImageRegistry,
    ImageRegistryProps,
    Network,
    NetworkProps,
)
from tests.stacks.synthesis import context, of_type, only, template_of

ENV = cdk.Environment(account="123456789012", region="us-west-2")
INTERNET = {"InternetGateway", "NatGateway", "EIP", "Route", "VPCGatewayAttachment"}


def network(**options: Any) -> dict[str, Any]:
    stack = cdk.Stack(cdk.App(context=context()), "Theirs", env=ENV)
    zones = {"availability_zone_ids": ("usw2-az1", "usw2-az2"), "fabric_zone_id": "usw2-az2"}
    Network(stack, "Network", props=NetworkProps(**zones, **options))
    return template_of(stack)


def test_nothing_leads_out_and_nothing_is_public() -> None:
    kinds = {
        one["Type"].removeprefix("AWS::EC2::")
        for one in network(internet=False)["Resources"].values()
    }
    assert not kinds & INTERNET
    assert kinds >= {"VPC", "Subnet", "VPCEndpoint", "RouteTable", "FlowLog"}


def test_with_internet_all_of_it_is_there() -> None:
    kinds = {one["Type"].removeprefix("AWS::EC2::") for one in network()["Resources"].values()}
    assert kinds >= INTERNET


def test_private_subnets_stay_the_same_when_the_way_out_goes() -> None:
    before, after = network()["Resources"], network(internet=False)["Resources"]
    kept = {
        key
        for key in before
        if "Public" not in key
        and before[key]["Type"].endswith(("::Subnet", "::RouteTable", "::VPC"))
    }
    assert len(kept) == 5
    assert all(before[key] == after[key] for key in kept)


def test_every_endpoint_has_a_policy_and_with_internet_none_has() -> None:
    shut = of_type(network(internet=False), "AWS::EC2::VPCEndpoint").values()
    assert len(shut) == 10
    assert all("PolicyDocument" in one for one in shut)
    assert not any(
        "PolicyDocument" in one for one in of_type(network(), "AWS::EC2::VPCEndpoint").values()
    )


def allowed(service: str, **more: Any) -> list[tuple[Any, Any]]:
    policy = endpoint_policy(
        service, partition="aws", region="us-west-2", account="123456789012", **more
    )
    return [(one["Action"], one["Resource"]) for one in policy["Statement"]]


@pytest.mark.parametrize("service", ["ec2", "sts", "kms", "logs", "eks-auth", "sagemaker.api"])
def test_most_services_are_for_the_account_alone(service: str) -> None:
    assert allowed(service) == [("*", "*")]


def test_nodes_read_layers_and_images_of_aws_and_write_neither() -> None:
    (_, layers) = allowed("s3")
    # Bucket of layers: ECR user guide, "Minimum Amazon S3 Bucket Permissions for Amazon ECR".
    assert layers == (["s3:GetObject"], ["arn:aws:s3:::prod-us-west-2-starport-layer-bucket/*"])
    for service in ("ecr.api", "ecr.dkr"):
        (_, (actions, repositories)) = allowed(service)
        assert not any(
            word in one for one in actions for word in ("Put", "Upload", "Create", "Delete")
        )
        assert repositories == ["arn:aws:ecr:us-west-2:602401143452:repository/*"]
    (_, (_, of_hyperpod)) = allowed("ecr.dkr", hyperpod=True)
    assert "arn:aws:ecr:us-west-2:*:repository/hyperpod-*" in of_hyperpod


@pytest.mark.parametrize(("internet", "excluded"), [(True, {"enable"}), (False, {None})])
def test_encryption_controls_leave_out_the_gateways_that_are_there(
    internet: bool, excluded: set[str | None]
) -> None:
    made = only(network(internet=internet, encryption="enforce"), "AWS::EC2::VPCEncryptionControl")
    assert made["Mode"] == "enforce"
    gateways = ("InternetGatewayExclusionInput", "NatGatewayExclusionInput")
    assert {made.get(one) for one in gateways} == excluded


def test_encryption_controls_are_made_when_asked_for_only() -> None:
    assert not of_type(network(), "AWS::EC2::VPCEncryptionControl")


def registry(**options: Any) -> dict[str, Any]:
    stack = cdk.Stack(cdk.App(context=context()), "Theirs", env=ENV)
    if options.pop("own_key", False):
        options["key"] = kms.Key.from_key_arn(
            stack, "Key", "arn:aws:kms:us-west-2:123456789012:key/theirs"
        )
    names = ["pilot/ghcr.io/llm-d/router", "pilot/quay.io/prometheus/prometheus"]
    ImageRegistry(stack, "Registry", props=ImageRegistryProps(repositories=names, **options))
    return template_of(stack)


def test_repositories_keep_their_tags_are_scanned_and_stay() -> None:
    template = registry()
    made = of_type(template, "AWS::ECR::Repository")
    assert [one["RepositoryName"] for one in made.values()] == [
        "pilot/ghcr.io/llm-d/router",
        "pilot/quay.io/prometheus/prometheus",
    ]
    for logical_id, one in made.items():
        assert one["ImageTagMutability"] == "IMMUTABLE"
        assert one["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert "EncryptionConfiguration" not in one
        assert template["Resources"][logical_id]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert len(template["Resources"]) == 2


def test_every_option_of_the_registry_is_used() -> None:
    secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret:ecr-pullthroughcache/a-AbCdEf"  # noqa: S105
    template = registry(
        own_key=True,
        removal_policy=cdk.RemovalPolicy.DESTROY,
        cache_rules={
            "pilot/quay.io": CacheRule(upstream="quay.io"),
            "pilot/ghcr.io": CacheRule(upstream="ghcr.io", credential_arn=secret),
        },
    )
    rules = of_type(template, "AWS::ECR::PullThroughCacheRule").values()
    assert [
        (one["EcrRepositoryPrefix"], one["UpstreamRegistryUrl"], one.get("CredentialArn"))
        for one in rules
    ] == [
        ("pilot/quay.io", "quay.io", None),
        ("pilot/ghcr.io", "ghcr.io", secret),
    ]
    one = next(iter(of_type(template, "AWS::ECR::Repository").values()))
    assert one["EncryptionConfiguration"]["EncryptionType"] == "KMS"
    assert (
        template["Resources"][next(iter(of_type(template, "AWS::ECR::Repository")))][
            "DeletionPolicy"
        ]
        == "Delete"
    )
