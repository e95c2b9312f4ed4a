"""Every rule over an environment, broken and kept by two files that differ in as little as
possible."""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from closed import CLOSED
from environment_edits import (
    CAPABILITY,
    CERTIFICATE,
    CLUSTER,
    DECODE,
    G6E,
    GIT,
    GROUP,
    GROUP_ID,
    HYPERPOD,
    IN_A_CLUSTER_OF_OTHERS,
    KARPENTER,
    KEY,
    LLAMA,
    MANAGED,
    PLAN,
    PREFILL,
    PRICE,
    RESOURCE,
    ROLE,
    SECRET,
    SMALL,
    SYSTEM,
    TREE,
    URL,
    argocd,
    block,
    ecr,
    existing_network,
    found,
    fsx,
    held,
    in_group,
    od,
    patch,
    plan,
    s3,
)
from shipped import REMOVE

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS
from disagg.checks.environment import ENVIRONMENT_RULES, router_rules
from disagg.checks.rule import rules_of


class Pair(NamedTuple):
    broken: dict[str, Any]
    kept: dict[str, Any]
    base: str = "pilot"


PAIRS: dict[str, Pair] = {
    "DISAGG-ADD-001": Pair(
        {GIT: {"repo_url": "https://me:token@git.example.com/platform.git", "path": TREE}},
        {GIT: {"repo_url": "ssh://git@git.example.com/platform.git", "path": TREE}},
    ),
    "DISAGG-ADD-002": Pair(
        {GIT: {"repo_url": URL, "path": "../pilot"}}, {GIT: {"repo_url": URL, "path": TREE}}
    ),
    "DISAGG-ADD-003": Pair(
        {CAPABILITY: argocd(admin_groups=[])},
        {CAPABILITY: argocd(admin_groups=[], admin_users=[GROUP_ID])},
    ),
    "DISAGG-ADD-004": Pair(
        {CAPABILITY: argocd(identity_center_region="us-gov-west-1")},
        {CAPABILITY: argocd(identity_center_region="us-east-1")},
    ),
    "DISAGG-ADD-005": Pair({CAPABILITY: argocd(vpc_endpoint_ids=[])}, {CAPABILITY: argocd()}),
    "DISAGG-ADD-006": Pair(
        {CAPABILITY: argocd()},
        {CAPABILITY: argocd(), GIT: {"repo_url": URL, "path": TREE}},
    ),
    "DISAGG-NAME-001": Pair({"name": "a-123456789012"}, {"name": "a-12345678901"}),
    "DISAGG-AWS-001": Pair({"aws.region": "us-west-7"}, {"aws.region": "us-west-2"}),
    "DISAGG-AWS-002": Pair(
        {"cluster.administrators": ["arn:aws-cn:iam::123456789012:role/x"]},
        {"cluster.administrators": ["arn:aws:iam::123456789012:role/team/x"]},
    ),
    "DISAGG-OWN-001": Pair(
        {"aws.tags": {"cost-center": "a,b"}}, {"aws.tags": {"Kosten/Stelle": "a b_c.d:e=f+g-h@é"}}
    ),
    "DISAGG-OWN-002": Pair(
        {"aws.tags": {"Team": "a", "team": "b"}}, {"aws.tags": {"Team": "a", "Teams": "b"}}
    ),
    "DISAGG-OWN-003": Pair(
        {"aws.tags": {f"t{number}": "x" for number in range(41)}},
        {"aws.tags": {f"t{number}": "x" for number in range(40)}},
    ),
    "DISAGG-OWN-004": Pair(
        {"aws.permissions_boundary": "arn:aws:iam::210987654321:policy/b"},
        {"aws.permissions_boundary": "arn:aws:iam::123456789012:policy/team/b"},
    ),
    "DISAGG-OWN-005": Pair({"aws.name_prefix": "AwsTeam"}, {"aws.name_prefix": "Acme"}),
    "DISAGG-OWN-008": Pair(
        existing_network(other_cidrs=["10.42.128.0/17"]),
        existing_network(other_cidrs=["100.64.0.0/16"]),
    ),
    "DISAGG-OWN-009": Pair(
        existing_network(fabric_subnet=held(1, "100.64.0.0/18", "usw2-az2")),
        existing_network(
            fabric_subnet=held(1, "100.64.0.0/18", "usw2-az2"), other_cidrs=["100.64.0.0/16"]
        ),
    ),
    "DISAGG-OWN-010": Pair(
        existing_network(fabric_subnet=held(1, "10.42.64.0/18", "usw2-az2")),
        existing_network(fabric_subnet=held(1, "10.42.0.0/18", "usw2-az2")),
    ),
    "DISAGG-OWN-011": Pair(
        existing_network() | {"network.fabric_zone_id": "usw2-az1"},
        existing_network(fabric_subnet=held(1, "10.42.0.0/18", "usw2-az1"))
        | {"network.fabric_zone_id": "usw2-az1"},
    ),
    "DISAGG-OWN-012": Pair(
        existing_network(system_subnets=[SYSTEM, held(3, "10.42.65.0/24", "usw2-az2", 58)]),
        existing_network(system_subnets=[SYSTEM, held(3, "10.42.65.0/24", "usw2-az2", 59)]),
    ),
    "DISAGG-OWN-013": Pair(
        {"cluster.administrators": REMOVE},
        existing_network() | {"cluster.existing": CLUSTER, "cluster.administrators": REMOVE},
    ),
    "DISAGG-OWN-014": Pair(
        {"cluster.existing": CLUSTER, "cluster.administrators": REMOVE},
        existing_network() | {"cluster.existing": CLUSTER, "cluster.administrators": REMOVE},
    ),
    "DISAGG-OWN-015": Pair(
        existing_network() | {"cluster.existing": CLUSTER | {"vpc_cni_version": "v1.18.4"}},
        existing_network() | {"cluster.existing": CLUSTER | {"vpc_cni_version": "v1.18.5"}},
    ),
    "DISAGG-OWN-016": Pair(
        existing_network()
        | {"cluster.existing": CLUSTER, "cluster.administrators": REMOVE}
        | {"cluster.platform": "hyperpod", "delivery": {}},
        existing_network()
        | {"cluster.existing": CLUSTER, "cluster.administrators": REMOVE}
        | {"cluster.platform": "eks"},
    ),
    # sagemaker-, 44, - and eight digits are 63 characters.
    "DISAGG-OWN-017": Pair(
        HYPERPOD | {"aws.name_prefix": "a" * 14, "name": "b" * 30},
        HYPERPOD | {"aws.name_prefix": "a" * 13, "name": "b" * 30},
    ),
    "DISAGG-OVR-001": Pair(
        {"overrides.manifests": [patch({"op": "replace", "path": "/spec/replicas"})]},
        {"overrides.manifests": [patch({"op": "remove", "path": "/spec/replicas"})]},
    ),
    "DISAGG-OVR-002": Pair(
        {"overrides.resources": [RESOURCE | {"logical_id": "Fabric"}]},
        {"overrides.resources": [RESOURCE]},
    ),
    "DISAGG-OVR-003": Pair(
        {"overrides.resources": [RESOURCE | {"property": "DeletionPolicy"}]},
        {"overrides.resources": [RESOURCE | {"property": "Properties.Tags.0.Value"}]},
    ),
    "DISAGG-NET-001": Pair({"network.cidr": "10.42.0.1/16"}, {"network.cidr": "10.42.0.0/18"}),
    "DISAGG-NET-002": Pair({"network.cidr": "10.42.0.0/23"}, {"network.cidr": "10.42.0.0/22"}),
    "DISAGG-NET-003": Pair(
        {"cluster.service_cidr": "10.42.8.0/24"}, {"cluster.service_cidr": "10.43.0.0/16"}
    ),
    "DISAGG-NET-004": Pair(
        {"network.availability_zone_ids": ["usw1-az1", "usw2-az2"]},
        {"network.availability_zone_ids": ["usw2-az3", "usw2-az2"]},
    ),
    "DISAGG-NET-005": Pair(
        {"network.fabric_zone_id": "usw2-az3"}, {"network.fabric_zone_id": "usw2-az1"}
    ),
    # A /22 leaves 512 - 5 addresses for the fabric; 50 a node make ten nodes the most.
    "DISAGG-NET-006": Pair(
        {"network.cidr": "10.42.0.0/22", "capacity.decode.nodes": 10},
        {"network.cidr": "10.42.0.0/22", "capacity.decode.nodes": 9},
    ),
    "DISAGG-OWN-018": Pair(
        {"aws.kms_key_arn": KEY.replace("us-west-2", "eu-west-1")}, {"aws.kms_key_arn": KEY}
    ),
    "DISAGG-OWN-020": Pair(
        {"aws.roles": {"nodes": ROLE.replace("123456789012", "210987654321")}},
        {"aws.roles": {"nodes": ROLE}},
    ),
    "DISAGG-NET-013": Pair(CLOSED | {"capacity.provisioner": "karpenter"}, CLOSED),
    "DISAGG-NET-014": Pair(fsx() | ecr(), fsx()),
    "DISAGG-NET-015": Pair(
        {"serving.gateway": {"kind": "istio"}} | ecr(), {"serving.gateway": {"kind": "istio"}}
    ),
    "DISAGG-NET-008": Pair(CLOSED | {"serving.weights": {"kind": "hugging_face"}}, CLOSED),
    "DISAGG-NET-009": Pair(CLOSED | {"images": {"kind": "upstream"}}, CLOSED),
    "DISAGG-NET-010": Pair(
        existing_network() | {"network.encryption": "monitor"}, {"network.encryption": "monitor"}
    ),
    "DISAGG-NET-011": Pair(
        ecr(pull_through=True, prefix="fifteen-letters"),
        ecr(pull_through=True, prefix="fourteen-chars"),
    ),
    "DISAGG-NET-012": Pair(
        ecr(pull_through=True, credentials={"github": SECRET.replace("us-west-2", "us-east-1")}),
        ecr(pull_through=True, credentials={"github": SECRET}),
    ),
    "DISAGG-NET-007": Pair(
        {"cluster.client_cidrs": ["0.0.0.0/0"]}, {"cluster.client_cidrs": ["192.168.7.0/24"]}
    ),
    "DISAGG-PRC-004": Pair(
        {
            "pricing.savings_plan": {"discount_percent": 30},
            "pricing.capacity_block": {"upfront_usd": 1000, "nodes": 1, "hours": 24},
        },
        {"pricing.savings_plan": {"discount_percent": 30}, "pricing.edp_percent": 5},
    ),
    "DISAGG-WGT-001": Pair(LLAMA | s3(), LLAMA | s3(token_secret="disagg/hub-token")),  # noqa: S106
    "DISAGG-WGT-002": Pair(s3(token_secret="disagg/hub-token"), s3()),  # noqa: S106
    "DISAGG-WGT-003": Pair(s3(kms_key_arn=KEY), s3(kms_key_arn=KEY, bucket="models-of-ours")),
    "DISAGG-WGT-004": Pair(
        s3(bucket="models-of-ours", kms_key_arn=KEY.replace("us-west-2", "us-east-1")),
        s3(bucket="models-of-ours", kms_key_arn=KEY),
    ),
    "DISAGG-WGT-006": Pair(HYPERPOD | {"serving.cache": "node"}, {"serving.cache": "node"}),
    # A quarter of 16 GiB beside the 16 GiB of /dev/shm is the 4 GiB the largest tensor needs.
    "DISAGG-WGT-005": Pair(
        s3() | {"serving.prefill": SMALL | {"memory_gib": 31}},
        s3() | {"serving.prefill": SMALL | {"memory_gib": 32}},
    ),
    "DISAGG-GTW-001": Pair(
        {"serving.gateway": {"kind": "nginx"}}, {"serving.gateway": {"kind": "istio"}}
    ),
    "DISAGG-GTW-002": Pair(
        {"serving.gateway": {"replicas": 2}},
        {"serving.gateway": {"kind": "agentgateway", "replicas": 2}},
    ),
    "DISAGG-GTW-003": Pair(
        {"serving.gateway": {"certificate_arn": CERTIFICATE.replace("us-west-2", "us-east-1")}},
        {"serving.gateway": {"certificate_arn": CERTIFICATE}},
    ),
    "DISAGG-GTW-004": Pair(
        existing_network()
        | {"cluster.existing": CLUSTER, "cluster.administrators": REMOVE}
        | {"serving.gateway": {"kind": "istio"}},
        existing_network() | {"cluster.existing": CLUSTER, "cluster.administrators": REMOVE},
    ),
    "DISAGG-WGT-007": Pair(fsx(capacity_gib=3600), fsx(capacity_gib=4800)),
    "DISAGG-WGT-008": Pair(
        fsx(), fsx(file_system={"id": "fs-0123456789abcdef0", "mount_name": "fsxabcde"})
    ),
    # Ten pods read 652 GB; 1200 GiB at 125 MB/s/TiB are 0.146 GB/s, an hour of which is 527 GB.
    "DISAGG-WGT-009": Pair(fsx(throughput_mb_per_tib=125), fsx(throughput_mb_per_tib=250)),
    "DISAGG-K8S-001": Pair(
        {"cluster.kubernetes_version": "1.28"}, {"cluster.kubernetes_version": "1.33"}
    ),
    "DISAGG-K8S-002": Pair(
        {"cluster.system_instance_type": "m7i.2xlarg"},
        {"cluster.system_instance_type": "m7i.2xlarge"},
    ),
    "DISAGG-CAP-001": Pair(
        {"capacity.decode.instance_type": "p6.48xlarge"},
        {"capacity.decode.instance_type": "p6-b300.48xlarge"},
    ),
    "DISAGG-CAP-002": Pair(
        {"aws.region": "eu-west-1", "network.availability_zone_ids": ["euw1-az1", "euw1-az2"]},
        {
            "aws.region": "eu-north-1",
            "network.availability_zone_ids": ["eun1-az1", "eun1-az2"],
            "network.fabric_zone_id": "eun1-az2",
        },
    ),
    "DISAGG-CAP-003": Pair({"serving.decode.replicas": 3}, {"serving.decode.replicas": 2}),
    "DISAGG-CAP-004": Pair({"capacity.decode": REMOVE}, {}),
    "DISAGG-CAP-005": Pair(
        {"capacity.decode.desired_nodes": 2}, {"capacity.decode.desired_nodes": 1}
    ),
    # g6e.48xlarge has 4 EFA devices for 8 GPUs, so a fifth pod of one GPU gets none.
    "DISAGG-CAP-006": Pair(
        G6E | {"serving.prefill.replicas": 5}, G6E | {"serving.prefill.replicas": 4}
    ),
    # A node gives 1937332 - 4096 - 10256 MiB: 8 x 234 GiB fit, 8 x 235 GiB do not.
    "DISAGG-CAP-007": Pair(
        {"serving.prefill.memory_gib": 235}, {"serving.prefill.memory_gib": 234}
    ),
    # 10256 MiB for eight pods: 1282 MiB each.
    "DISAGG-CAP-008": Pair(
        {"serving.prefill.huge_pages_mib": 1284}, {"serving.prefill.huge_pages_mib": 1282}
    ),
    # 189450m for eight pods: 23 cores each.
    "DISAGG-CAP-009": Pair({"serving.prefill.cpu": 24}, {"serving.prefill.cpu": 23}),
    "DISAGG-CAP-011": Pair(
        {
            "aws.region": "us-east-2",
            "network.availability_zone_ids": ["use2-az1", "use2-az2"],
            "network.fabric_zone_id": "use2-az1",
            "capacity.prefill.instance_type": "p5e.48xlarge",
        },
        {
            "aws.region": "us-east-2",
            "network.availability_zone_ids": ["use2-az1", "use2-az2"],
            "network.fabric_zone_id": "use2-az1",
            "capacity.prefill.instance_type": "p5en.48xlarge",
        },
    ),
    "DISAGG-CAP-012": Pair({"serving.prefill.replicas": 4}, {"serving.prefill.replicas": 8}),
    # Half of a node's 189450m, the routing sidecar's 1000m included.
    "DISAGG-CAP-014": Pair({"serving.decode.cpu": 94}, {"serving.decode.cpu": 93}, "reference"),
    "DISAGG-CAP-015": Pair(
        {"capacity.prefill.nodes": 51, "capacity.decode.nodes": 50},
        {"capacity.prefill.nodes": 50, "capacity.decode.nodes": 50},
    ),
    "DISAGG-CAP-013": Pair(
        {}, {"serving.placement": "separate_nodes", "capacity": "pilot's"}, "reference"
    ),
    "DISAGG-RSV-001": Pair(
        {PREFILL: od(resource_group=GROUP)},
        {PREFILL: in_group(GROUP)},
    ),
    "DISAGG-RSV-002": Pair({PREFILL: block(zone_id="usw2-az1")}, {PREFILL: block()}),
    "DISAGG-RSV-003": Pair(
        {PREFILL: block(), DECODE: block()},
        {PREFILL: block(instances=2), DECODE: block(instances=2)},
    ),
    "DISAGG-RSV-004": Pair(
        {PREFILL: od(instances=2), DECODE: od(instances=3)},
        {PREFILL: od(instances=2), DECODE: od(instances=2)},
    ),
    "DISAGG-RSV-005": Pair(
        {PREFILL: block(), "capacity.placement_group": "cluster"},
        {PREFILL: block(), "capacity.placement_group": "none"},
    ),
    "DISAGG-RSV-006": Pair(
        {PREFILL: od(placement_group="ours"), "capacity.placement_group": "none"},
        {PREFILL: od(placement_group="ours"), "capacity.placement_group": "auto"},
    ),
    "DISAGG-RSV-007": Pair(
        {PREFILL: od(), "capacity.placement_group": "cluster"},
        {PREFILL: od(placement_group="ours"), "capacity.placement_group": "cluster"},
    ),
    "DISAGG-RSV-008": Pair(
        {PREFILL: block(end="2027-02-29T11:30:00Z")}, {PREFILL: block(end="2028-02-29T11:30:00Z")}
    ),
    "DISAGG-RSV-009": Pair(
        {PREFILL: block()},
        {PREFILL: block(), "pricing.capacity_block": PRICE},
    ),
    "DISAGG-RSV-013": Pair(
        {PREFILL: in_group(GROUP.replace("123456789012", "210987654321"))},
        {PREFILL: in_group(GROUP)},
    ),
    "DISAGG-RSV-014": Pair(G6E | {PREFILL: block()}, {PREFILL: block()}),
    "DISAGG-HYP-001": Pair(
        {"cluster.hyperpod": {"node_recovery": "none"}},
        {"cluster.hyperpod": {"node_recovery": "none"}} | HYPERPOD,
    ),
    "DISAGG-HYP-002": Pair(
        HYPERPOD | {PREFILL: block()},
        HYPERPOD | {PREFILL: plan(), "pricing.training_plan": PRICE},
    ),
    "DISAGG-HYP-006": Pair(
        HYPERPOD | {"cluster.hyperpod": {"deep_health_checks": ["instance_stress"] * 2}},
        HYPERPOD | {"cluster.hyperpod": {"deep_health_checks": ["instance_stress"]}},
    ),
    "DISAGG-RSV-010": Pair(
        {PREFILL: block(), "pricing.capacity_block": PRICE | {"nodes": 2}},
        {PREFILL: block(), "pricing.capacity_block": PRICE},
    ),
    "DISAGG-HYP-003": Pair(
        HYPERPOD | {"capacity.placement_group": "cluster"},
        HYPERPOD | {"capacity.placement_group": "auto"},
    ),
    "DISAGG-HYP-004": Pair(
        HYPERPOD | {PREFILL: plan(arn=PLAN.replace("us-west-2", "us-east-1"))},
        HYPERPOD | {PREFILL: plan()},
    ),
    # A node has 2,048 GiB, 1,892 of them for pods, and its eight prefill pods ask for 640.
    "DISAGG-HYP-005": Pair(
        HYPERPOD | {"cluster.hyperpod": {"tiered_storage_percent": 61}},
        HYPERPOD | {"cluster.hyperpod": {"tiered_storage_percent": 60}},
    ),
    "DISAGG-MDL-001": Pair(
        {"serving.model": "gpt-oss-120b"}, {"serving.model": "openai/gpt-oss-20b"}
    ),
    "DISAGG-MDL-002": Pair(
        {
            "serving.model": "deepseek-ai/DeepSeek-R1",
            "serving.decode": {"replicas": 1, "tensor_parallel": 4},
        },
        {
            "serving.model": "deepseek-ai/DeepSeek-R1",
            "serving.prefill": {"replicas": 1, "tensor_parallel": 8},
            "serving.decode": {"replicas": 1, "tensor_parallel": 8},
        },
    ),
    # Llama 3.3 70B: 131.4 GiB of weights and 40 GiB of KV for its longest request, on one GPU of
    # 157 GiB.
    "DISAGG-MDL-003": Pair(
        {"serving.model": "meta-llama/Llama-3.3-70B-Instruct"},
        {"serving.model": "meta-llama/Llama-3.3-70B-Instruct", "serving.max_context_tokens": 32768},
    ),
    "DISAGG-MDL-004": Pair(
        {"serving.max_context_tokens": 131073}, {"serving.max_context_tokens": 131072}
    ),
    "DISAGG-MDL-005": Pair(
        {"serving.max_context_tokens": 2047}, {"serving.max_context_tokens": 2048}
    ),
    "DISAGG-MDL-007": Pair({"workload.concurrency": 10000, "workload.input_tokens": 8000}, {}),
    "DISAGG-MDL-008": Pair(
        {
            "serving.model": "meta-llama/Llama-3.3-70B-Instruct",
            "serving.max_context_tokens": 32768,
        },
        {"serving.model": "Qwen/Qwen3-32B", "serving.max_context_tokens": 32768},
    ),
    "DISAGG-POOL-001": Pair(
        {
            "serving.prefill": {"replicas": 2, "tensor_parallel": 4},
            "serving.decode.tensor_parallel": 2,
        },
        {
            "serving.prefill": {"replicas": 4, "tensor_parallel": 2},
            "serving.decode.tensor_parallel": 2,
        },
    ),
    "DISAGG-POOL-002": Pair(
        {"serving.image_profile": "aws-dlc"}, {"serving.image_profile": "aws-dlc-0.26"}
    ),
    "DISAGG-POOL-003": Pair({"serving.image_profile": "llm-d-aws-0.5.1"}, {}),
    "DISAGG-POOL-004": Pair({"serving.prefill.memory_gib": 16}, {"serving.prefill.memory_gib": 17}),
    "DISAGG-WRK-001": Pair({"workload.concurrency": REMOVE}, {"workload.concurrency": 1}),
    "DISAGG-WRK-002": Pair(
        {"workload.output_tokens_p95": 1023}, {"workload.output_tokens_p95": 1024}
    ),
    # One request a second of 1,024 tokens, 2,628,000 seconds a month.
    "DISAGG-WRK-003": Pair(
        {
            "workload.concurrency": REMOVE,
            "workload.requests_per_second": 1,
            "workload.output_tokens_per_month": 2_691_072_001,
        },
        {
            "workload.concurrency": REMOVE,
            "workload.requests_per_second": 1,
            "workload.output_tokens_per_month": 2_691_072_000,
        },
    ),
    "DISAGG-WRK-004": Pair(
        {"workload.prefix_reuse": 0, "workload.turns": 2},
        {"workload.prefix_reuse": 0, "workload.turns": 1},
    ),
    "DISAGG-DEV-001": Pair(
        {"capacity.device_exposure": "dra", "cluster.kubernetes_version": "1.33"},
        {"capacity.device_exposure": "dra", "cluster.kubernetes_version": "1.34"},
    ),
    "DISAGG-DEV-002": Pair(
        {"capacity.device_exposure": "dra", "cluster.platform": "hyperpod"},
        {"capacity.device_exposure": "dra", "cluster.platform": "eks"},
    ),
    "DISAGG-DEV-011": Pair(
        {"capacity.decode.ami": "bottlerocket", "cluster.platform": "hyperpod"},
        {"capacity.decode.ami": "al2023", "cluster.platform": "hyperpod"},
    ),
    "DISAGG-KRP-001": Pair(KARPENTER | HYPERPOD, KARPENTER),
    "DISAGG-KRP-002": Pair(
        KARPENTER | IN_A_CLUSTER_OF_OTHERS,
        {"capacity.provisioner": MANAGED} | IN_A_CLUSTER_OF_OTHERS,
    ),
    "DISAGG-KRP-003": Pair(
        KARPENTER | {"capacity.placement_group": "cluster"},
        {"capacity.placement_group": "cluster", "capacity.provisioner": MANAGED},
    ),
    "DISAGG-KRP-004": Pair(
        KARPENTER | {PREFILL: od(id=None, resource_group=GROUP)},
        KARPENTER | {PREFILL: od()},
    ),
    "DISAGG-KRP-005": Pair(
        KARPENTER | {"aws.tags": {"karpenter.sh/nodepool": "x"}},
        KARPENTER | {"aws.tags": {"karpenter": "x"}},
    ),
    "DISAGG-DEV-003": Pair(
        {"capacity.decode.ami": "bottlerocket"},
        {"capacity.decode.ami": "bottlerocket", "capacity.device_exposure": "dra"},
    ),
    "DISAGG-DEV-004": Pair(
        {"capacity.device_exposure": "dra", "capacity.shared.nodes": 2},
        {"capacity.device_exposure": "dra", "capacity.shared.nodes": 1},
        "reference",
    ),
    "DISAGG-SLO-001": Pair({"slo.ttft_p95_ms": 19}, {"slo.ttft_p95_ms": 20}),
    # Two nodes at $113.9328 an hour, 730 hours a month.
    "DISAGG-BUD-001": Pair({"budget.usd_per_month": 166341}, {"budget.usd_per_month": 166342}),
}
BROKEN_BY_ANOTHER_CATALOGUE = {
    "DISAGG-CAP-010": "no type has so few pods that its GPUs would not run out first",
    "DISAGG-MDL-006": "every model of the catalogue divides by every degree",
}


def test_every_rule_has_a_pair() -> None:
    # Why one file apart: rules about the router have their pairs in test_router_file_rules.py.
    elsewhere = {one.code for one in rules_of(router_rules)}
    codes = {one.code for one in ENVIRONMENT_RULES} - elsewhere
    assert codes - PAIRS.keys() == BROKEN_BY_ANOTHER_CATALOGUE.keys(), (
        "a new rule needs a pair in PAIRS"
    )
    assert PAIRS.keys() <= codes


@pytest.mark.parametrize("code", PAIRS)
def test_the_broken_file_is_found_with_its_place(code: str) -> None:
    pair = PAIRS[code]
    mine = [problem for problem in found(pair.base, pair.broken) if problem.code == code]
    assert mine
    assert all(problem.line >= 1 and problem.path and problem.fix for problem in mine)


@pytest.mark.parametrize("code", PAIRS)
def test_the_twin_that_keeps_the_rule_is_not_found(code: str) -> None:
    pair = PAIRS[code]
    assert code not in {problem.code for problem in found(pair.base, pair.kept)}


@pytest.mark.parametrize("one", ENVIRONMENT_RULES, ids=lambda one: one.code)
def test_every_rule_explains_itself(one: Any) -> None:
    assert one.title.endswith(".")
    assert len(one.title) < 120


def test_codes_are_unique() -> None:
    codes = [one.code for one in ENVIRONMENT_RULES]
    assert len(codes) == len(set(codes))


def test_a_typo_in_one_section_hides_no_rule_in_another() -> None:
    codes = {
        p.code
        for p in found(
            "pilot", {"aws.regionn": "x", "serving.decode.replicas": 3, "network.cidr": "x"}
        )
    }
    assert {"DISAGG-KEY-001", "DISAGG-CAP-003", "DISAGG-NET-001"} <= codes


def test_a_typo_hides_no_rule_in_its_own_section() -> None:
    codes = {
        p.code
        for p in found("pilot", {"serving.decode.replicass": 1, "serving.decode.replicas": 3})
    }
    assert codes == {"DISAGG-KEY-001", "DISAGG-CAP-003"}


@pytest.mark.parametrize("source", ["reservation", "capacity_block", "training_plan"])
@pytest.mark.parametrize("platform", ["eks", "hyperpod"])
def test_a_source_is_taken_on_the_platform_it_is_sold_for(platform: str, source: str) -> None:
    one = {"reservation": od(), "capacity_block": block(), "training_plan": plan()}[source]
    codes = {p.code for p in found("pilot", {"cluster.platform": platform, PREFILL: one})}
    wanted = (source == "training_plan") == (platform == "hyperpod")
    assert ("DISAGG-HYP-002" not in codes) is wanted


def test_a_type_is_sold_on_hyperpod_in_fewer_regions_than_on_ec2() -> None:
    north = {
        "aws.region": "eu-north-1",
        "network.availability_zone_ids": ["eun1-az1", "eun1-az2"],
        "network.fabric_zone_id": "eun1-az2",
    }
    assert "DISAGG-CAP-002" not in {p.code for p in found("pilot", north)}
    assert "DISAGG-CAP-002" in {p.code for p in found("pilot", north | HYPERPOD)}


def test_the_shipped_environments_are_sound_and_only_the_reference_warns() -> None:
    assert found("pilot", {}) == []
    assert [problem.code for problem in found("reference", {})] == ["DISAGG-CAP-013"]


def test_heads_that_do_not_divide_are_found_and_those_that_do_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = MODELS["openai/gpt-oss-120b"]
    monkeypatch.setitem(MODELS, model.name, replace(model, attention_heads=6))
    assert [one.path for one in found("pilot", {}) if one.code == "DISAGG-MDL-006"] == [
        "serving.decode.tensor_parallel"
    ]
    monkeypatch.setitem(MODELS, model.name, replace(model, attention_heads=12))
    assert "DISAGG-MDL-006" not in {one.code for one in found("pilot", {})}


def test_more_pods_than_kubelet_allows_are_found_and_as_many_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instance = INSTANCE_TYPES["p6-b200.48xlarge"]
    monkeypatch.setitem(INSTANCE_TYPES, instance.name, replace(instance, max_pods=7))
    assert [one.path for one in found("pilot", {}) if one.code == "DISAGG-CAP-010"] == [
        "serving.prefill.replicas"
    ]
    monkeypatch.setitem(INSTANCE_TYPES, instance.name, replace(instance, max_pods=8))
    assert "DISAGG-CAP-010" not in {one.code for one in found("pilot", {})}


def test_what_holds_for_a_bucket_holds_behind_a_file_system_too() -> None:
    codes = {p.code for p in found("pilot", LLAMA | fsx(kms_key_arn=KEY))}
    assert {"DISAGG-WGT-001", "DISAGG-WGT-003"} <= codes
