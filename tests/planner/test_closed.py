"""What a network without internet needs: endpoints for every caller, images, charts, weights."""

import re
from typing import Any

import pytest
from closed import COMMIT, ECR, closed
from shipped import checked

from disagg.catalog.chart_images import CHART_IMAGES
from disagg.catalog.chart_values import CHART_VALUES, undocumented
from disagg.catalog.charts import CHARTS
from disagg.catalog.registries import PULL_THROUGH, split
from disagg.config.environment import Environment
from disagg.planner import bring_in
from disagg.planner.endpoints import GATEWAY_ENDPOINTS, interface_endpoints
from disagg.planner.images import cache_rules, chart_values, copied, pulled

# By hand: who in the VPC calls which API of AWS, from each project's own documentation.
CALLS = {
    "nodeadm: DescribeCluster": ("eks",),
    "nodeadm: DescribeInstances": ("ec2",),
    "kubelet's ecr-credential-provider: GetAuthorizationToken": ("ecr.api",),
    "containerd: manifests, and layers from S3": ("ecr.dkr", "s3"),
    "VPC CNI: interfaces and addresses": ("ec2",),
    "eks-pod-identity-agent: AssumeRoleForPodIdentity": ("eks-auth",),
    "aws-load-balancer-controller: load balancers, subnets": ("elasticloadbalancing", "ec2"),
    "model servers: GetObject": ("s3",),
    "SDKs that take a role or ask who they are": ("sts",),
}
ON_HYPERPOD = {
    "HyperPod's instances: their own API, metrics, logs": ("sagemaker.api", "monitoring", "logs"),
    "sessions on an instance, its only way in": ("ssm", "ssmmessages", "ec2messages"),
    "lifecycle scripts": ("s3",),
}


def reached(one: Environment) -> set[str]:
    return {*interface_endpoints(one), *GATEWAY_ENDPOINTS}


def test_every_api_that_something_calls_has_an_endpoint() -> None:
    assert {api for apis in CALLS.values() for api in apis} <= reached(closed())


def test_hyperpods_own_calls_have_endpoints_too_and_only_there() -> None:
    wanted = {api for apis in ON_HYPERPOD.values() for api in apis}
    shut = closed(cluster__platform="hyperpod")
    assert wanted <= reached(shut)
    assert reached(shut) - reached(closed()) == wanted - reached(closed())
    assert reached(checked(cluster__platform="hyperpod").environment) == reached(
        checked().environment
    )


def test_a_token_is_read_from_where_the_loader_runs() -> None:
    store = {"kind": "s3", "revision": COMMIT, "token_secret": "disagg/hub-token"}
    llama = {"serving__model": "meta-llama/Llama-3.3-70B-Instruct"} | {
        "serving__max_context_tokens": 4096
    }
    assert "secretsmanager" in reached(checked(serving__weights=store, **llama).environment)
    shut = closed(serving__weights=store, **llama)
    assert "secretsmanager" not in reached(shut)
    assert "--token-secret disagg/hub-token" in bring_in.pages(shut)[bring_in.PAGE]


def test_a_closed_network_costs_no_nat_gateway() -> None:
    from disagg.config.prices import bundled_prices  # noqa: PLC0415
    from disagg.planner.cost import cost_lines  # noqa: PLC0415

    items = [one.item for one in cost_lines(closed(), bundled_prices())]
    assert not any("NAT" in one or "public" in one for one in items)
    assert "interface endpoints" in items


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("envoyproxy/envoy:v1", "docker.io/envoyproxy/envoy:v1"),
        ("ghcr.io/llm-d/epp:v0", "ghcr.io/llm-d/epp:v0"),
        ("quay.io/a/b@sha256:00", "quay.io/a/b@sha256:00"),
        ("602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/dranet:v1", "eks/dranet:v1"),
    ],
)
def test_an_image_keeps_host_and_tag_below_the_registry(image: str, name: str) -> None:
    assert pulled(closed(), image) == f"{ECR}/disagg-pilot/{name}"
    assert pulled(closed(images={"kind": "ecr", "prefix": "a/b"}), image) == f"{ECR}/a/b/{name}"
    mirror = {"kind": "mirror", "registry": "registry.example.com/all"}
    assert pulled(closed(images=mirror), image) == f"registry.example.com/all/{name}"
    assert pulled(checked().environment, image) == image


def test_repositories_have_names_that_ecr_takes() -> None:
    # Pattern: ECR API, CreateRepository.repositoryName.
    pattern = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"
    prefixed = closed(aws__name_prefix="Acme", add_ons={"monitoring": True, "keda": True})
    found = copied(prefixed)
    assert len(found) > 12
    assert all(re.fullmatch(pattern, one.repository) for one in found)
    assert {one.repository.split("/")[0] for one in found} == {"acme-pilot"}


def test_registries_that_want_an_account_are_fetched_from_with_a_secret_only() -> None:
    secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret:ecr-pullthroughcache/a-AbCdEf"  # noqa: S105
    plain = {"kind": "ecr", "pull_through": True, "prefix": "p"}
    assert cache_rules(closed(images={"kind": "ecr"})) == {}
    free = cache_rules(closed(images=plain))
    assert set(free) == {"p/public.ecr.aws"}
    both = cache_rules(closed(images=plain | {"credentials": {"github": secret}}))
    assert set(both) == {"p/public.ecr.aws", "p/ghcr.io"}
    fetched = {one.upstream for one in copied(closed(images=plain)) if one.fetched_by_ecr}
    assert {split(one)[0] for one in fetched} == {"public.ecr.aws"}
    assert "nvcr.io" not in PULL_THROUGH


def test_every_chart_says_its_images_in_values_it_documents() -> None:
    # Those are refused where images are brought in: DISAGG-NET-014 and -015.
    refused = {one.name for one in CHARTS.values() if one.gateways or one.option == "file_system"}
    assert CHART_IMAGES.keys() == CHARTS.keys() - refused
    shut = closed()
    for name in CHART_IMAGES:
        values = chart_values(shut, name)
        assert values
        assert undocumented(CHART_VALUES[name].keys, values) == []


@pytest.mark.parametrize("name", ["nvidia-device-plugin", "keda", "aws-load-balancer-controller"])
def test_the_tag_of_a_charts_image_is_the_version_it_ships(name: str) -> None:
    version = CHARTS[name].app_version.removeprefix("v")
    assert all(split(one.image)[2].removeprefix("v") == version for one in CHART_IMAGES[name])


def test_charts_pull_from_the_environment_and_by_default_from_upstream() -> None:
    assert chart_values(checked().environment, "keda") == {}
    assert chart_values(closed(), "keda")["image"]["keda"] == {
        "registry": ECR,
        "repository": "disagg-pilot/ghcr.io/kedacore/keda",
        "tag": "2.20.2",
    }
    mirror = {"kind": "mirror", "registry": "registry.example.com/all"}
    assert chart_values(closed(images=mirror), "keda")["image"]["keda"] == {
        "registry": "registry.example.com",
        "repository": "all/ghcr.io/kedacore/keda",
        "tag": "2.20.2",
    }


def page(**edits: Any) -> str:
    return bring_in.pages(closed(**edits))[bring_in.PAGE]


def test_the_page_copies_every_image_pulls_every_chart_and_fills_the_bucket() -> None:
    shut = closed(add_ons={"monitoring": True})
    text = bring_in.pages(shut)[bring_in.PAGE]
    for one in copied(shut):
        assert f"crane copy {one.upstream} \\\n      {one.pulled}\n" in text
    assert text.count("helm pull ") == 5
    assert f"openai/gpt-oss-120b {COMMIT} \\\n      s3://disagg-pilot-models-" in text
    assert "crane auth login" in text


def test_on_hyperpod_the_chart_in_git_is_cut_out_with_its_dependencies() -> None:
    text = page(cluster__platform="hyperpod")
    commit = CHARTS["hyperpod-helm-chart"].version
    assert f"checkout {commit}" in text
    assert "helm dependency update" in text


def test_what_git_needs_is_said_where_argo_cd_reads_it() -> None:
    git = {"git": {"repo_url": "https://git.example.com/p.git", "path": "environments/pilot"}}
    assert "`https://git.example.com/p.git`" in page(delivery=git)
    assert "Argo CD" not in page().partition("## What else")[2]


def test_with_internet_there_is_a_page_for_images_only_and_none_without_them() -> None:
    assert bring_in.pages(checked().environment) == {}
    text = bring_in.pages(checked(images={"kind": "ecr"}).environment)[bring_in.PAGE]
    assert "## Images" in text
    assert "## Charts" not in text
    assert "## Weights" not in text


def test_the_vocabulary_of_gpt_oss_is_brought_in_and_another_models_is_not() -> None:
    text = page()
    assert "openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken" in text
    assert "/models/vocabulary/o200k_base.tiktoken" in text
    llama = {"serving__model": "meta-llama/Llama-3.3-70B-Instruct"}
    token = {"kind": "s3", "revision": COMMIT, "token_secret": "disagg/hub-token"}
    other = page(serving__weights=token, serving__max_context_tokens=4096, **llama)
    assert "tiktoken" not in other


def test_a_closed_vpc_of_others_is_told_which_endpoints_it_needs() -> None:
    from disagg.planner.existing import existing  # noqa: PLC0415

    held = {
        "vpc_id": "vpc-0123456789abcdef0",
        "fabric_subnet": {"id": "subnet-01234567", "cidr": "10.42.0.0/18", "zone_id": "usw2-az2"},
        "system_subnets": [
            {"id": "subnet-01234568", "cidr": "10.42.64.0/24", "zone_id": "usw2-az1"},
            {"id": "subnet-01234569", "cidr": "10.42.65.0/24", "zone_id": "usw2-az2"},
        ],
    }
    (vpc,) = [one for one in existing(closed(network__existing=held)) if one.what == "VPC"]
    assert all(f"{api}," in vpc.needs for apis in CALLS.values() for api in apis)
    (open_,) = [
        one for one in existing(checked(network__existing=held).environment) if one.what == "VPC"
    ]
    assert "image registries" in open_.needs
