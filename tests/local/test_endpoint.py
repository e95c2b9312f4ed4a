"""The endpoint, the CDK CLI and the read-back together: a real app, deployed over loopback."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from disagg.local.aws import readback, readback_network
from disagg.local.aws.deploy import (
    DeployError,
    Deployment,
    StackOutcome,
    assembly_target,
    bootstrap,
    deploy_all,
    destroy_all,
)
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.processes import ProcessError
from disagg.node import tool_environment

ROOT = Path(__file__).resolve().parents[2]
TARGET = Target(account="210987654321", region="us-west-2")
LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
Gone = Callable[[int], bool]


def ignore(_line: str) -> None:
    """Listen to nothing."""


def synthesize(outdir: Path, *arguments: str) -> Path:
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("sample_app.py")), str(outdir), *arguments],
        env=tool_environment() | {"CDK_VALIDATION": "false"},
        check=True,
        capture_output=True,
    )
    return outdir


@dataclass(frozen=True)
class Rehearsal:
    endpoint: AwsEndpoint
    assembly: Path
    deployment: Deployment
    lines: list[str]

    @property
    def ec2(self) -> Any:
        return self.endpoint.client("ec2")

    @property
    def eks(self) -> Any:
        return self.endpoint.client("eks")

    def physical(self, stack: str) -> dict[str, str]:
        """Return the physical ids of a stack by logical id."""
        client = self.endpoint.client("cloudformation")
        found = client.describe_stack_resources(StackName=stack)["StackResources"]
        return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}

    @property
    def network(self) -> dict[str, str]:
        return self.physical("Sample-Network")


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    folder = tmp_path_factory.mktemp("rehearsal")
    assembly = synthesize(folder / "assembly")
    lines: list[str] = []
    with AwsEndpoint(directory=folder / "run", target=assembly_target(assembly)) as endpoint:
        bootstrap(endpoint, lines.append)
        deployment = deploy_all(endpoint, assembly, lines.append)
        yield Rehearsal(endpoint, assembly, deployment, lines)


# --- without a deployment


def write_assembly(folder: Path, *environments: str) -> Path:
    artifacts = {
        f"Stack{index}": {"type": "aws:cloudformation:stack", "environment": environment}
        for index, environment in enumerate(environments)
    }
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def test_the_target_is_what_all_stacks_are_for(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path, *["aws://210987654321/us-west-2"] * 2)
    assert assembly_target(assembly) == TARGET


@pytest.mark.parametrize(
    ("environments", "message"),
    [
        ((), "holds no stack"),
        (("aws://210987654321/us-west-2", "aws://210987654321/us-east-1"), "need one account"),
        (("aws://unknown-account/unknown-region",), "need one account"),
    ],
)
def test_an_assembly_without_one_target_is_refused(
    tmp_path: Path, environments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DeployError, match=message):
        assembly_target(write_assembly(tmp_path, *environments))


def test_a_folder_that_is_no_assembly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="cdk synth"):
        assembly_target(tmp_path)


def test_an_assembly_for_another_account_is_refused(tmp_path: Path) -> None:
    assembly = write_assembly(tmp_path / "assembly", "aws://210987654321/us-west-2")
    endpoint = AwsEndpoint(directory=tmp_path / "run")
    with pytest.raises(DeployError, match=r"210987654321.*123456789012"):
        deploy_all(endpoint, assembly, ignore)


def test_an_endpoint_that_is_not_running_has_no_address(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="not running"):
        _ = AwsEndpoint(directory=tmp_path).url


# --- with an endpoint


@pytest.mark.slow
def test_two_endpoints_run_side_by_side_without_a_proxy_and_leave_no_process(
    tmp_path: Path, gone: Gone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    one = AwsEndpoint(directory=tmp_path / "one")
    two = AwsEndpoint(directory=tmp_path / "two", target=TARGET)
    with one, two:
        pids = (one.pid, two.pid)
        assert one.url != two.url
        accounts = [item.client("sts").get_caller_identity()["Account"] for item in (one, two)]
        assert accounts == ["123456789012", "210987654321"]
    assert all(gone(pid) for pid in pids)


@pytest.mark.slow
def test_a_template_with_an_unknown_type_fails_the_deployment_with_its_name(
    tmp_path: Path,
) -> None:
    assembly = synthesize(tmp_path / "assembly", "AWS::Braket::Quantum")
    with AwsEndpoint(directory=tmp_path / "run", target=TARGET) as endpoint:
        bootstrap(endpoint, ignore)
        with pytest.raises(DeployError, match="AWS::Braket::Quantum"):
            deploy_all(endpoint, assembly, ignore)
        stacks = endpoint.client("cloudformation").describe_stacks()["Stacks"]
        assert [stack["StackName"] for stack in stacks] == ["CDKToolkit"]


@pytest.mark.slow
def test_a_deployment_that_was_not_bootstrapped_says_so(tmp_path: Path) -> None:
    assembly = synthesize(tmp_path / "assembly")
    with (
        AwsEndpoint(directory=tmp_path / "run", target=TARGET) as endpoint,
        pytest.raises(DeployError, match="cdk bootstrap"),
    ):
        deploy_all(endpoint, assembly, ignore)


# --- with a deployment


@pytest.mark.slow
def test_both_stacks_are_created_in_order(rehearsal: Rehearsal) -> None:
    assert rehearsal.deployment.stacks == (
        StackOutcome(name="Sample-Network", changed=True),
        StackOutcome(name="Sample-Cluster", changed=True),
    )
    assert any("bootstrapped" in line for line in rehearsal.lines)
    assert not any("\x1b" in line for line in rehearsal.lines), "no colours in what we show"


@pytest.mark.slow
def test_every_resource_of_the_templates_exists(rehearsal: Rehearsal) -> None:
    for stack in ("Sample-Network", "Sample-Cluster"):
        template = json.loads((rehearsal.assembly / f"{stack}.template.json").read_text())
        found = rehearsal.physical(stack)
        assert found.keys() == template["Resources"].keys()
        assert all(found.values())


@pytest.mark.slow
def test_nothing_but_loopback_and_the_run_folder_is_used(rehearsal: Rehearsal) -> None:
    environment = rehearsal.endpoint.environment()
    folder = str(rehearsal.endpoint.directory)
    assert urlsplit(environment["AWS_ENDPOINT_URL"]).hostname == "localhost"
    for name in ("HOME", "CDK_HOME", "XDG_CACHE_HOME", "AWS_CONFIG_FILE"):
        assert environment[name].startswith(folder)
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
    assert not [
        name for name in environment if name.lower().endswith("_proxy") and name != "NO_PROXY"
    ]
    assert (Path(environment["CDK_HOME"]) / "cache").exists(), "the CLI cached accounts there"


@pytest.mark.slow
def test_a_second_deployment_changes_nothing(rehearsal: Rehearsal) -> None:
    again = deploy_all(rehearsal.endpoint, rehearsal.assembly, ignore)
    assert {stack.name: stack.changed for stack in again.stacks} == {
        "Sample-Network": False,
        "Sample-Cluster": False,
    }


@pytest.mark.slow
def test_the_subnets_are_where_the_app_put_them(rehearsal: Rehearsal) -> None:
    subnets = readback_network.read_subnets(rehearsal.ec2, rehearsal.network["Vpc"])
    assert [(item.name, item.zone_id, item.cidr, item.public) for item in subnets] == [
        ("Public", "usw2-az1", "10.42.0.0/24", True),
        ("Private1", "usw2-az1", "10.42.16.0/20", False),
        ("Private2", "usw2-az2", "10.42.32.0/20", False),
    ]
    assert [item.maps_public_addresses for item in subnets] == [True, False, False]
    assert subnets[0].tags["Name"] == "Public"


@pytest.mark.slow
def test_the_fabric_group_refers_to_itself_both_ways(rehearsal: Rehearsal) -> None:
    group = readback_network.read_security_group(rehearsal.ec2, rehearsal.network["Fabric"])
    assert [(rule.peer, rule.protocol, rule.description) for rule in group.ingress] == [
        (group.id, "-1", "fabric in")
    ]
    assert [(rule.peer, rule.protocol) for rule in group.egress] == [
        ("0.0.0.0/0", "-1"),
        (group.id, "-1"),
    ]
    assert group.vpc_id == rehearsal.network["Vpc"]


@pytest.mark.slow
def test_the_flow_log_and_the_endpoints_are_there(rehearsal: Rehearsal) -> None:
    network = rehearsal.network
    (flow_log,) = readback_network.read_flow_logs(rehearsal.ec2, network["Vpc"])
    assert (flow_log.traffic_type, flow_log.aggregation_seconds) == ("ALL", 60)
    assert flow_log.destination_type == "cloud-watch-logs"
    ecr, s3 = readback_network.read_endpoints(rehearsal.ec2, network["Vpc"])
    assert (ecr.service, ecr.type) == ("com.amazonaws.us-west-2.ecr.api", "Interface")
    assert ecr.private_dns
    assert ecr.security_group_ids == (network["Fabric"],)
    assert ecr.subnet_ids == (network["Private1"], network["Private2"])
    assert (s3.service, s3.type) == ("com.amazonaws.us-west-2.s3", "Gateway")
    assert s3.route_table_ids == (network["Private1Table"], network["Private2Table"])


@pytest.mark.slow
def test_the_cluster_is_what_the_app_asked_for(rehearsal: Rehearsal) -> None:
    network = rehearsal.network
    cluster = readback.read_cluster(rehearsal.eks, "sample")
    assert cluster.arn == "arn:aws:eks:us-west-2:210987654321:cluster/sample"
    assert cluster.version == "1.34"
    assert (cluster.endpoint_public, cluster.endpoint_private) == (False, True)
    assert cluster.secrets_key_arn.endswith(network["Key961B73FD"])
    assert cluster.log_types == LOG_TYPES
    assert cluster.authentication_mode == "API"
    assert cluster.creator_is_administrator is False
    assert cluster.vpc_id == network["Vpc"]
    assert cluster.subnet_ids == (network["Private1"], network["Private2"])
    own = readback_network.read_security_group(rehearsal.ec2, cluster.cluster_security_group_id)
    assert own.vpc_id == cluster.vpc_id


@pytest.mark.slow
def test_the_node_group_is_what_the_app_asked_for(rehearsal: Rehearsal) -> None:
    (group,) = readback.read_node_groups(rehearsal.eks, rehearsal.ec2, "sample")
    assert group.name == "gpu"
    assert group.role_arn == "arn:aws:iam::210987654321:role/nodes"
    assert (group.ami_type, group.capacity_type) == ("AL2023_x86_64_NVIDIA", "ON_DEMAND")
    assert group.version == "1.34"
    assert group.instance_types == ()
    assert (group.minimum, group.desired, group.maximum) == (0, 1, 2)
    assert group.labels == {"Pool": "gpu"}
    assert group.taints == (
        readback.Taint(key="nvidia.com/gpu", value="present", effect="NO_SCHEDULE"),
    )
    assert (group.max_unavailable, group.repair) == (1, True)
    assert group.subnet_ids == (rehearsal.network["Private1"],)


@pytest.mark.slow
def test_the_launch_template_has_a_primary_and_eight_fabric_interfaces(
    rehearsal: Rehearsal,
) -> None:
    (group,) = readback.read_node_groups(rehearsal.eks, rehearsal.ec2, "sample")
    cluster = readback.read_cluster(rehearsal.eks, "sample")
    template = group.launch_template
    assert template is not None
    assert template.instance_type == "p6-b200.48xlarge"
    places = [(item.card, item.device, item.type) for item in template.interfaces]
    assert places == [
        (0, 0, "interface"),
        (0, 1, "efa-only"),
        *[(card, 0, "efa-only") for card in range(1, 8)],
    ]
    groups = (rehearsal.network["Fabric"], cluster.cluster_security_group_id)
    assert {item.security_group_ids for item in template.interfaces} == {groups}
    assert all(item.delete_on_termination is True for item in template.interfaces)
    assert template.interfaces[0].public_address is False
    assert (template.http_tokens, template.http_hop_limit) == ("required", 1)
    (volume,) = template.volumes
    assert (volume.device_name, volume.size_gib, volume.type) == ("/dev/xvda", 500, "gp3")
    assert (volume.encrypted, volume.iops) == (True, 6000)
    assert template.user_data == "# nodes of sample\n"
    (near,) = readback_network.read_placement_groups(rehearsal.ec2)
    assert (near.name, near.strategy) == (template.placement_group, "cluster")


@pytest.mark.slow
def test_addons_identities_and_access_are_what_the_app_asked_for(rehearsal: Rehearsal) -> None:
    (addon,) = readback.read_addons(rehearsal.eks, "sample")
    assert (addon.name, addon.version, addon.status) == (
        "vpc-cni",
        "v1.20.4-eksbuild.1",
        "ACTIVE",
    )
    assert json.loads(addon.configuration) == {"env": {"WARM_IP_TARGET": "1"}}
    (pods,) = readback.read_pod_identities(rehearsal.eks, "sample")
    assert (pods.namespace, pods.service_account) == ("serving", "model")
    assert pods.role_arn == "arn:aws:iam::210987654321:role/pods"
    (entry,) = readback.read_access_entries(rehearsal.eks, "sample")
    assert entry.principal_arn == "arn:aws:iam::210987654321:role/platform"
    (policy,) = entry.policies
    assert policy.arn == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    assert (policy.scope, policy.namespaces) == ("cluster", ())


@pytest.mark.slow
def test_destroying_leaves_no_stack_and_no_network(tmp_path: Path) -> None:
    assembly = synthesize(tmp_path / "assembly")
    with AwsEndpoint(directory=tmp_path / "run", target=TARGET) as endpoint:
        bootstrap(endpoint, ignore)
        deploy_all(endpoint, assembly, ignore)
        destroy_all(endpoint, assembly, ignore)
        stacks = endpoint.client("cloudformation").describe_stacks()["Stacks"]
        assert [stack["StackName"] for stack in stacks] == ["CDKToolkit"]
        vpcs = endpoint.client("ec2").describe_vpcs()["Vpcs"]
        assert [vpc["IsDefault"] for vpc in vpcs] == [True]


@pytest.mark.slow
def test_killing_the_program_that_started_the_endpoint_ends_it(tmp_path: Path, gone: Gone) -> None:
    code = (
        "import sys, os, signal\n"
        "from pathlib import Path\n"
        "from disagg.local.aws.endpoint import AwsEndpoint\n"
        "with AwsEndpoint(directory=Path(sys.argv[1])) as endpoint:\n"
        "    print(endpoint.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == -9
    deadline = time.monotonic() + 10
    while not gone(int(run.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
