"""What the real scheduler makes of the shipped environments, and of each way to break them."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from shipped import ENVIRONMENTS

from disagg.local.aws.readback import NodeGroup, Taint
from disagg.local.cluster.agents import agents
from disagg.local.cluster.api import Cluster
from disagg.local.cluster.examine import Stage, examine
from disagg.local.cluster.findings import findings
from disagg.local.cluster.nodes import make_nodes
from disagg.local.cluster.report import Report
from disagg.local.cluster.state import settle
from disagg.local.compare import Created

pytestmark = pytest.mark.slow

Deploy = Callable[..., Any]
Edit = Callable[[NodeGroup], NodeGroup]
Files = dict[str, list[dict[str, Any]]]


def judged(cluster: Cluster, manifests: Any, created: Created, *, trials: bool = False) -> Report:
    stage = Stage(cluster, make_nodes(created), agents(created), "10.42.0.9")
    return examine(stage, manifests, lambda _: None, {}, trials=trials)


def edited(created: Created, role: str, edit: Edit) -> Created:
    """Return the read-back with the groups of one role changed."""
    groups = [
        edit(one) if one.labels.get("disagg/role") == role else one for one in created.node_groups
    ]
    assert tuple(groups) != created.node_groups
    return replace(created, node_groups=tuple(groups))


def template(**changes: Any) -> Edit:
    def edit(group: NodeGroup) -> NodeGroup:
        assert group.launch_template is not None
        return replace(group, launch_template=replace(group.launch_template, **changes))

    return edit


def without_interfaces(group: NodeGroup) -> NodeGroup:
    assert group.launch_template is not None
    # Why 3: the first is the ENA, so two EFA interfaces stay, and a decode pod asks for four.
    return template(interfaces=group.launch_template.interfaces[:3])(group)


def waits(report: Report) -> dict[str, int]:
    return {one.workload: one.pods for one in report.waiting}


@pytest.mark.parametrize("name", sorted(one.stem for one in ENVIRONMENTS.glob("*.yaml")))
def test_a_shipped_environment_is_accepted_and_placed_whole(
    name: str, cluster: Cluster, deployed: Deploy
) -> None:
    one = deployed(name)
    report = judged(cluster, one.manifests, one.created)
    assert findings(report) == []
    assert report.applied.accepted == sum(map(len, one.manifests.values()))
    every = [each for each in report.placements if each.workload in report.files]
    loaders = [each for each in every if "/model-loader-" in each.workload]
    # In a closed network no pod reaches the hub: people fill the store.
    has_store = one.environment.serving.weights.kind == "s3"
    assert len(loaders) == (has_store and not one.environment.closed)
    assert all(node.startswith("system-") for each in loaders for node in each.nodes)
    ours = [each for each in every if each not in loaders]
    placed = {each.workload: sum(each.nodes.values()) for each in ours}
    serving = one.environment.serving
    assert placed == {
        f"{name}-router/router": 1,
        f"{name}-serving/decode": serving.decode.replicas,
        f"{name}-serving/prefill": serving.prefill.replicas,
    }
    zones = {zone for each in ours[1:] for zone in each.zones}
    assert len(zones) == 1


def test_the_pilot_keeps_its_roles_on_different_nodes(cluster: Cluster, deployed: Deploy) -> None:
    report = judged(cluster, deployed().manifests, deployed().created)
    nodes = {each.workload: set(each.nodes) for each in report.placements}
    assert nodes["pilot-serving/decode"] == {"decode-1"}
    assert nodes["pilot-serving/prefill"] == {"prefill-1"}


def test_a_live_decode_pod_has_its_gate_before_and_its_sidecar_beside_the_server(
    cluster: Cluster, deployed: Deploy
) -> None:
    judged(cluster, deployed().manifests, deployed().created)
    pods = cluster.api.items("/api/v1/namespaces/pilot-serving/pods")
    assert len(pods) == 10
    for pod in pods:
        status = pod["status"]
        ended = [
            one["name"] for one in status["initContainerStatuses"] if "terminated" in one["state"]
        ]
        beside = [
            one["name"] for one in status["initContainerStatuses"] if "running" in one["state"]
        ]
        assert ended == ["fabric-gate"]
        sidecars = (
            ["routing-proxy"] if pod["metadata"]["labels"]["llm-d.ai/role"] == "decode" else []
        )
        assert beside == sidecars
        (server,) = pod["spec"]["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= server.keys()
        named = {one["name"]: one for one in pod["spec"]["initContainers"]}
        for name in sidecars:
            assert named[name]["restartPolicy"] == "Always"
            assert "startupProbe" in named[name]


def test_who_may_connect_to_whom_in_the_pilot_is_this_and_nothing_more(
    cluster: Cluster, deployed: Deploy
) -> None:
    report = judged(cluster, deployed().manifests, deployed().created)
    vpc, router = "10.42.0.0/16", "pilot-router/router"
    prefill, decode = "pilot-serving/prefill", "pilot-serving/decode"
    baseline = "pilot-serving/baseline"
    # The VPC CNI gives pods addresses of the VPC, so what is open to that range is open to them.
    in_vpc = (vpc, router, prefill, decode, baseline)
    assert {(one.source, one.destination, one.port) for one in report.connections} == {
        *((one, router, 8081) for one in in_vpc),  # requests, through the load balancer
        *((one, router, 19001) for one in in_vpc),  # its health check
        *((one, baseline, 8000) for one in in_vpc),
        (router, decode, 8000),
        (router, prefill, 8000),  # metrics for the picker
        *((one, other, 8000) for one in (prefill, decode) for other in (prefill, decode)),
        *((one, other, 5600) for one in (prefill, decode) for other in (prefill, decode)),
    }
    assert (report.unguarded, report.idle_policies) == ((), ())


def without_label(manifests: Files) -> None:
    for one in manifests["40-prefill-pool.yaml"]:
        labels = one["spec"]["template"]["metadata"]["labels"]
        del labels["llm-d.ai/guide"]


def without_default(manifests: Files) -> None:
    name = "20-network-policies.yaml"
    manifests[name] = [
        one for one in manifests[name] if one["metadata"]["name"] != "deny-by-default"
    ]


def test_a_pod_that_no_policy_selects_is_named(cluster: Cluster, deployed: Deploy) -> None:
    files: Files = copy.deepcopy(dict(deployed().manifests))
    without_label(files)
    without_default(files)
    found = findings(judged(cluster, files, deployed().created))
    assert [(one.code, one.path, one.file) for one in found] == [
        ("DISAGG-REH-009", "pilot-serving/prefill", "40-prefill-pool.yaml")
    ]


def test_a_policy_that_selects_no_pod_is_named(cluster: Cluster, deployed: Deploy) -> None:
    files: Files = copy.deepcopy(dict(deployed().manifests))
    selector = next(
        one["spec"]["podSelector"]
        for one in files["20-network-policies.yaml"]
        if one["metadata"]["name"] == "router"
    )
    selector["matchLabels"] = {"app": "mistyped"}
    found = findings(judged(cluster, files, deployed().created))
    assert [(one.code, one.path) for one in found] == [
        ("DISAGG-REH-010", "NetworkPolicy pilot-router/router")
    ]


def test_losing_a_node_says_which_pods_wait_and_for_what(
    cluster: Cluster, deployed: Deploy
) -> None:
    report = judged(cluster, deployed().manifests, deployed().created, trials=True)
    losses = {loss.node: {one.workload: one for one in loss.waiting} for loss in report.losses}
    (router,) = losses.keys() - {"decode-1", "prefill-1"}
    assert losses[router] == {}
    assert losses["decode-1"]["pilot-serving/decode"].pods == 2
    assert losses["prefill-1"]["pilot-serving/prefill"].pods == 8
    assert "no other node" in losses["prefill-1"]["pilot-serving/prefill"].why
    assert "one node more" in losses["prefill-1"]["pilot-serving/prefill"].fix
    assert all(one.node for one in settle(cluster).pods)


def extra(kind: str, version: str, **spec: Any) -> dict[str, Any]:
    labels = {"app": "extra"}
    pod = {"containers": [{"name": "c", "image": "i"}], **spec.pop("pod", {})}
    made: dict[str, Any] = {"template": {"metadata": {"labels": labels}, "spec": pod}, **spec}
    if kind != "Job":
        made["selector"] = {"matchLabels": labels}
    metadata = {"name": kind.lower(), "namespace": "default"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": made}


def test_workloads_of_other_kinds_are_placed_and_only_deployments_roll_out(
    cluster: Cluster, deployed: Deploy
) -> None:
    files: Files = {
        "90-extra.yaml": [
            extra("StatefulSet", "apps/v1", serviceName="extra", replicas=2),
            extra("DaemonSet", "apps/v1"),
            extra("Job", "batch/v1", pod={"restartPolicy": "Never"}),
            extra("Deployment", "apps/v1", replicas=0),
        ]
    }
    report = judged(cluster, files, deployed().created, trials=True)
    placed = {one.workload: sum(one.nodes.values()) for one in report.placements}
    assert placed["default/statefulset"] == 2
    assert placed["default/daemonset"] == 2
    assert report.applied.refusals == ()
    assert len(report.losses) == len(report.drains) == 3
    assert report.rollouts == ()


PRIVILEGED = {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": True}}]}


def test_pods_of_a_controller_that_does_not_run_are_judged_and_never_taken_for_placed(
    cluster: Cluster, deployed: Deploy
) -> None:
    job = {"template": {"spec": {**PRIVILEGED, "restartPolicy": "Never"}}}
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly", "namespace": "pilot-router"},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": job}},
    }
    files: Files = {**deployed().manifests, "90-extra.yaml": [cron]}
    found = findings(judged(cluster, files, deployed().created))
    assert [(one.code, one.path) for one in found] == [
        ("DISAGG-REH-001", "pod of CronJob pilot-router/nightly"),
        ("DISAGG-REH-011", "CronJob pilot-router/nightly"),
    ]
    assert "violates PodSecurity" in found[0].got


@pytest.mark.parametrize(("kind", "version"), [("StatefulSet", "apps/v1"), ("Job", "batch/v1")])
def test_pods_that_a_quota_refuses_are_named_for_other_kinds_as_well(
    kind: str, version: str, cluster: Cluster, deployed: Deploy
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": "default"},
        "spec": {"hard": {"pods": "0"}},
    }
    more = {"serviceName": "e", "replicas": 2} if kind == "StatefulSet" else {}
    never = {"restartPolicy": "Never"} if kind == "Job" else {}
    files: Files = {"90-extra.yaml": [quota, extra(kind, version, pod=never, **more)]}
    report = judged(cluster, files, deployed().created)
    assert "exceeded quota: none" in report.unmade[f"default/{kind.lower()}"]
    assert "DISAGG-REH-003" in {one.code for one in findings(report)}


def relabel(group: NodeGroup) -> NodeGroup:
    return replace(group, labels={**group.labels, "disagg/role": "decoder"})


def tainted(group: NodeGroup) -> NodeGroup:
    more = Taint(key="team", value="red", effect="NO_SCHEDULE")
    return replace(group, taints=(*group.taints, more))


def emptied(group: NodeGroup) -> NodeGroup:
    return replace(group, maximum=0)


DECODE, PREFILL = {"pilot-serving/decode": 2}, {"pilot-serving/prefill": 8}
FAULTS = {
    "one node missing": ("decode", emptied, DECODE, "no node is labelled disagg/role=decode"),
    "a label": ("decode", relabel, DECODE, "no node is labelled disagg/role=decode"),
    "a taint": ("prefill", tainted, PREFILL, "team=red:NoSchedule"),
    "the EFA count": (
        "decode",
        without_interfaces,
        DECODE,
        "4 vpc.amazonaws.com/efa, and no node it may use gives more than 2",
    ),
    "the instance type": (
        "prefill",
        template(instance_type="p5en.48xlarge"),
        PREFILL,
        "instance-type=p6-b200.48xlarge",
    ),
    "the system nodes": (
        "system",
        lambda group: replace(group, desired=0),
        {
            "kube-system/aws-load-balancer-controller": 2,
            "kube-system/coredns": 2,
            "pilot-router/router": 1,
        },
        "disagg/role=system",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_two_sides_disagree_on_shows_as_pending_pods(
    fault: str, cluster: Cluster, deployed: Deploy
) -> None:
    role, edit, waiting, words = FAULTS[fault]
    report = judged(cluster, deployed().manifests, edited(deployed().created, role, edit))
    assert waits(report) == waiting
    assert words in report.waiting[-1].why
    found = findings(report)
    assert {(one.code, one.path) for one in found} == {("DISAGG-REH-004", one) for one in waiting}
    assert found[-1].file.endswith(".yaml")
    assert all(one.fix for one in found)
    assert report.losses == ()


def test_another_zone_for_one_role_is_found(cluster: Cluster, deployed: Deploy) -> None:
    created = deployed().created
    here = next(one for one in created.node_groups if one.labels["disagg/role"] == "decode")
    (zone,) = {one.zone_name for one in created.subnets if one.id in here.subnet_ids}
    other = next(one for one in created.subnets if one.zone_name != zone)
    moved = edited(created, "prefill", lambda group: replace(group, subnet_ids=(other.id,)))
    report = judged(cluster, deployed().manifests, moved)
    assert waits(report) == PREFILL
    assert "prefill-1 lacks topology.k8s.aws/zone-id" in report.waiting[0].why


def changed(manifests: Any, file: str, kind: str) -> tuple[Files, dict[str, Any]]:
    files: Files = copy.deepcopy(dict(manifests))
    return files, next(one for one in files[file] if one["kind"] == kind)


def test_more_gpus_than_a_node_has_and_than_are_left_are_told_apart(
    cluster: Cluster, deployed: Deploy
) -> None:
    files, decode = changed(deployed().manifests, "30-decode-pool.yaml", "Deployment")
    decode["spec"]["replicas"] = 3
    report = judged(cluster, files, deployed().created)
    assert waits(report) == {"pilot-serving/decode": 1}
    assert "other pods leave less" in report.waiting[0].why
    assert "1 node more in its group, or 1 replicas fewer" in report.waiting[0].fix


def test_more_gpus_than_any_node_has_are_named(cluster: Cluster, deployed: Deploy) -> None:
    files, decode = changed(deployed().manifests, "30-decode-pool.yaml", "Deployment")
    resources = decode["spec"]["template"]["spec"]["containers"][0]["resources"]
    for amounts in resources.values():
        amounts["nvidia.com/gpu"] = "16"
    report = judged(cluster, files, deployed().created)
    assert waits(report) == DECODE
    assert "16 nvidia.com/gpu, and no node it may use gives more than 8" in report.waiting[0].why
