import json
import re
from pathlib import Path

import cfnlint
import kubernetes_validate
import pytest
from aws_cdk import aws_eks_v2 as eks

from disagg.catalog.charts import CHARTS
from disagg.catalog.iam_load_balancer import (
    LOAD_BALANCER_CONTROLLER_STATEMENTS,
    LOAD_BALANCER_CONTROLLER_VERSION,
    LOAD_BALANCER_NAMESPACE,
    LOAD_BALANCER_SERVICE_ACCOUNT,
    IamStatement,
)
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.kubernetes import (
    DEFAULT_KUBERNETES_VERSION,
    KUBERNETES_VERSIONS,
    MINIMUM_VPC_CNI,
    KubernetesVersion,
)
from disagg.catalog.resources import EFA_HUGE_PAGES_MIB

VERSIONS = pytest.mark.parametrize(
    "version", KUBERNETES_VERSIONS.values(), ids=lambda version: version.name
)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0]))


def test_the_default_is_a_version_environments_may_name() -> None:
    assert DEFAULT_KUBERNETES_VERSION in KUBERNETES_VERSIONS


@VERSIONS
def test_the_cdk_and_the_schemas_know_the_version(version: KubernetesVersion) -> None:
    assert hasattr(eks.KubernetesVersion, f"V{version.name.replace('.', '_')}")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "serving"}}
    kubernetes_validate.validate(namespace, version.name, strict=True)


@VERSIONS
def test_every_version_pins_the_add_ons_a_cluster_cannot_do_without(
    version: KubernetesVersion,
) -> None:
    pinned = {add_on.name: add_on.version for add_on in version.add_ons}
    assert pinned.keys() == {"vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent"}
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+-eksbuild\.\d+", value) for value in pinned.values())
    assert pinned["kube-proxy"].startswith(f"v{version.name}.")
    assert _numbers(pinned["vpc-cni"]) >= _numbers(MINIMUM_VPC_CNI)


def test_the_nvidia_plugin_is_past_the_releases_that_mount_every_verbs_device() -> None:
    chart = CHARTS["nvidia-device-plugin"]
    assert _numbers(chart.version) >= (0, 19, 3)
    assert chart.values["mofedEnabled"] is False
    terms = chart.values["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]
    assert set(terms[0]["matchExpressions"][0]["values"]) == INSTANCE_TYPES.keys()


def test_the_efa_plugin_knows_p6_and_tolerates_gpu_taints() -> None:
    chart = CHARTS["aws-efa-k8s-device-plugin"]
    assert _numbers(chart.app_version) >= (0, 5, 6)
    assert [item["key"] for item in chart.values["tolerations"]] == ["nvidia.com/gpu"]


def test_the_load_balancer_chart_and_its_permissions_are_one_version() -> None:
    chart = CHARTS["aws-load-balancer-controller"]
    assert chart.app_version == LOAD_BALANCER_CONTROLLER_VERSION
    assert chart.values["serviceAccount"]["name"] == LOAD_BALANCER_SERVICE_ACCOUNT
    assert chart.namespace == LOAD_BALANCER_NAMESPACE


def test_features_without_permissions_are_switched_off_in_the_chart() -> None:
    services = {
        action.partition(":")[0]
        for statement in LOAD_BALANCER_CONTROLLER_STATEMENTS
        for action in statement.actions
    }
    assert services == {"acm", "ec2", "elasticloadbalancing", "iam"}
    values = CHARTS["aws-load-balancer-controller"].values
    assert not any(values[name] for name in ("enableShield", "enableWaf", "enableWafv2"))


@pytest.mark.parametrize("statement", LOAD_BALANCER_CONTROLLER_STATEMENTS)
def test_every_permission_exists_in_aws(statement: IamStatement) -> None:
    specs = Path(cfnlint.__path__[0]) / "data" / "AdditionalSpecs" / "Policies.json"
    known = json.loads(specs.read_text())
    for action in statement.actions:
        service, _, name = action.partition(":")
        assert name.lower() in {item.lower() for item in known[service]["Actions"]}, action


@pytest.mark.parametrize("statement", LOAD_BALANCER_CONTROLLER_STATEMENTS)
def test_nothing_the_controller_does_not_own_can_be_deleted(statement: IamStatement) -> None:
    dangerous = {"DeleteLoadBalancer", "DeleteTargetGroup", "DeleteSecurityGroup"}
    if dangerous & {action.partition(":")[2] for action in statement.actions}:
        assert statement.conditions["Null"]["aws:ResourceTag/elbv2.k8s.aws/cluster"] == "false"


def test_the_huge_page_pool_holds_two_pods_of_awss_own_samples() -> None:
    assert EFA_HUGE_PAGES_MIB == 10_256
    assert EFA_HUGE_PAGES_MIB // 5_120 == 2


def test_every_version_is_one_that_hyperpod_takes() -> None:
    # SageMaker developer guide, sagemaker-hyperpod-eks-prerequisites (2026-11-23): 1.30 to 1.35.
    assert {int(name.split(".")[1]) for name in KUBERNETES_VERSIONS} <= set(range(30, 36))
