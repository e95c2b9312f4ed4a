"""The rehearsal as a person runs it: it ends well, notices a difference, and leaves nothing."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from interrupted import interrupt
from shipped import checked

from disagg import artifacts
from disagg.local.aws.deploy import bootstrap, deploy_all
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.compare import Created, compare, read_created

pytestmark = pytest.mark.slow

PILOT = checked("pilot").environment


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Created]:
    base = tmp_path_factory.mktemp("rehearsal")
    artifacts.write_stacks(PILOT, base / "stacks")
    target = Target(account=PILOT.aws.account, region=PILOT.aws.region)
    with AwsEndpoint(directory=base / "run", target=target) as endpoint:
        bootstrap(endpoint, lambda _: None)
        deploy_all(endpoint, base / "stacks", lambda _: None)
        yield read_created(endpoint, PILOT.cluster_name)


def different(created: Created) -> list[str]:
    return [fact.about for fact in compare(PILOT, created) if not fact.agrees]


def test_what_was_created_is_what_the_plan_says(created: Created) -> None:
    facts = compare(PILOT, created)
    assert len(facts) > 30
    assert different(created) == []


def test_another_version_another_endpoint_and_a_missing_log_are_noticed(created: Created) -> None:
    wrong = replace(
        created.cluster,
        version="1.33",
        endpoint_public=True,
        log_types=("api",),
        secrets_key_arn="",
    )
    assert different(replace(created, cluster=wrong)) == [
        "cluster: Kubernetes version",
        "cluster: public endpoint",
        "cluster: secrets encrypted by a key",
        "cluster: logs",
    ]


def test_a_lost_interface_is_noticed(created: Created) -> None:
    groups = []
    for group in created.node_groups:
        if group.labels.get("disagg/role") == "decode" and group.launch_template:
            template = replace(
                group.launch_template, interfaces=group.launch_template.interfaces[:-1]
            )
            groups.append(replace(group, launch_template=template))
        else:
            groups.append(group)
    assert different(replace(created, node_groups=tuple(groups))) == [
        "decode nodes: 9 interfaces, card by card",
        "decode nodes: interfaces with the cluster's group",
        "decode nodes: interfaces with a group open to itself both ways",
    ]


def test_a_node_group_without_launch_template_taint_or_label_is_noticed(created: Created) -> None:
    bare = tuple(replace(group, launch_template=None, taints=()) for group in created.node_groups)
    found = different(replace(created, node_groups=bare))
    assert "decode nodes: taints" in found
    assert "decode nodes: launch template" in found
    unlabelled = tuple(replace(group, labels={}) for group in created.node_groups)
    assert "prefill nodes: node groups labelled disagg/role=prefill" in different(
        replace(created, node_groups=unlabelled)
    )


def test_open_metadata_plain_volumes_and_missing_flow_logs_are_noticed(created: Created) -> None:
    groups = tuple(
        replace(
            group,
            launch_template=replace(
                group.launch_template,
                http_hop_limit=2,
                user_data="",
                volumes=tuple(
                    replace(one, encrypted=False) for one in group.launch_template.volumes
                ),
            ),
        )
        for group in created.node_groups
        if group.launch_template
    )
    assert different(replace(created, node_groups=groups, flow_logs=())) == [
        "flow logs",
        *(
            f"{role} nodes: {fact}"
            for role in ("prefill", "decode")
            for fact in (
                "instance metadata tokens, hop limit",
                "encrypted volumes [GiB]",
                "NVMe as RAID 0",
            )
        ),
    ]


def test_a_missing_identity_add_on_administrator_and_endpoint_are_noticed(created: Created) -> None:
    bare = replace(created, pod_identities=(), addons=(), access_entries=(), endpoints=())
    assert different(bare) == [
        "cluster: administrators",
        "cluster: add-ons",
        "cluster: Pod Identity",
        "endpoints",
    ]


def test_another_zone_and_a_closed_security_group_are_noticed(created: Created) -> None:
    moved = tuple(replace(one, zone_id="usw2-az3") for one in created.subnets)
    assert "decode nodes: zone" in different(replace(created, subnets=moved))
    closed = {key: replace(one, egress=()) for key, one in created.security_groups.items()}
    assert "decode nodes: interfaces with a group open to itself both ways" in different(
        replace(created, security_groups=closed)
    )


def test_a_capacity_block_and_a_reservation_are_read_back_as_planned(tmp_path: Path) -> None:
    place = {"instances": 1, "zone_id": "usw2-az2"}
    block = {"kind": "capacity_block", "id": "cr-0123456789abcdef0"} | place
    group = "arn:aws:resource-groups:us-west-2:123456789012:group/gpu"
    held = {"kind": "reservation", "resource_group": group, "placement_group": "ours"} | place
    one = checked(
        "pilot",
        capacity__prefill__source=held,
        capacity__decode__source=block | {"end": "2027-03-01T11:30:00Z"},
    ).environment
    artifacts.write_stacks(one, tmp_path / "stacks")
    target = Target(account=one.aws.account, region=one.aws.region)
    with AwsEndpoint(directory=tmp_path / "run", target=target) as endpoint:
        bootstrap(endpoint, lambda _: None)
        deploy_all(endpoint, tmp_path / "stacks", lambda _: None)
        made = read_created(endpoint, one.cluster_name)
    assert [fact.about for fact in compare(one, made) if not fact.agrees] == []
    by_role = {each.labels["disagg/role"]: each for each in made.node_groups}
    decode, prefill = (by_role[role].launch_template for role in ("decode", "prefill"))
    assert decode is not None
    assert prefill is not None
    assert (decode.market_type, decode.reservation) == ("capacity-block", "cr-0123456789abcdef0")
    assert (prefill.reservation, prefill.placement_group) == (group, "ours")
    assert by_role["decode"].capacity_type == "CAPACITY_BLOCK"
    assert [each.expression for each in made.schedules] == ["at(2027-03-01T09:50:00)"]
    # Held against another plan, each of them is a difference.
    assert [fact.about for fact in compare(PILOT, made) if not fact.agrees] == [
        "prefill nodes: market, reservation",
        "prefill nodes: placement group",
        "decode nodes: capacity type",
        "decode nodes: market, reservation",
        "decode nodes: placement group",
    ]


def test_what_gitops_finds_is_read_back_as_planned(tmp_path: Path) -> None:
    argocd = {
        "identity_center_arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef",
        "admin_groups": ["94482488-3041-7026-18f3-be45837cd0e4"],
        "vpc_endpoint_ids": ["vpce-0123456789abcdef0"],
    }
    one = checked("pilot", delivery={"argocd_capability": argocd}).environment
    artifacts.write_stacks(one, tmp_path / "stacks")
    target = Target(account=one.aws.account, region=one.aws.region)
    with AwsEndpoint(directory=tmp_path / "run", target=target) as endpoint:
        bootstrap(endpoint, lambda _: None)
        deploy_all(endpoint, tmp_path / "stacks", lambda _: None)
        made = read_created(endpoint, one.cluster_name)
    assert [fact.about for fact in compare(one, made) if not fact.agrees] == []
    assert [each.type for each in made.capabilities] == ["ARGOCD"]
    path = "/disagg/pilot/delivery"
    assert made.parameters[f"{path}/cluster-arn"].endswith(":cluster/disagg-pilot")
    assert made.parameters[f"{path}/vpc-id"] == made.cluster.vpc_id
    # Held against other plans, each of them is a difference; a file without delivery asks nothing.
    moved = replace(made, parameters={**made.parameters, f"{path}/region": "us-east-1"})
    assert [f.about for f in compare(one, moved) if not f.agrees] == ["delivery: parameters"]
    bare = replace(made, capabilities=())
    assert [f.about for f in compare(one, bare) if not f.agrees] == [
        "delivery: parameters",
        "delivery: Argo CD of AWS",
    ]
    assert [f.about for f in compare(PILOT, made) if not f.agrees] == []


@pytest.mark.parametrize("name", ["pilot", "reference", "production"])
def test_the_demo_of_a_shipped_environment_ends_well(name: str, root: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "disagg", "demo", f"environments/{name}.yaml", "--dist", tmp_path],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "facts, all as planned" in run.stdout
    assert "Next, against a real account:" in run.stdout
    assert "\x1b" not in run.stdout
    files = {file.relative_to(tmp_path).parts[1] for file in tmp_path.rglob("*") if file.is_file()}
    more = {"argocd", "runbooks"} if name == "production" else set()
    assert files == {"deploy.md", "manifests", "charts", "stacks"} | more
    assert ("DISAGG-CAP-013" in run.stderr) == (name == "reference")


MOMENTS = (
    "Manifests and templates",
    "Judged by",
    "AWS endpoint on this machine",
    "cdk bootstrap",
    "cdk deploy --all",
)


@pytest.mark.parametrize(
    ("moment", "sent"),
    [*((moment, signal.SIGINT) for moment in MOMENTS), ("cdk bootstrap", signal.SIGTERM)],
)
def test_a_signal_leaves_no_process_and_no_file_and_exits_130(
    moment: str, sent: signal.Signals, tmp_path: Path
) -> None:
    interrupt("demo", moment, sent, tmp_path, after=0.3)
