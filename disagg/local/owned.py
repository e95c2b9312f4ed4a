"""What an organisation demands and what others own, read back: part of the comparison."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from disagg.catalog.resources import LABEL_NODE_ROLE, SYSTEM_NODES
from disagg.config.environment import Environment
from disagg.local.aws.holdings import cluster_held
from disagg.local.compare_storage import identities
from disagg.planner.plan import Plan
from disagg.planner.weights import store_of

if TYPE_CHECKING:
    from disagg.local.compare import Created

Row = tuple[str, Any, Any]
"""What it is about, what was planned, what was created."""


def facts(environment: Environment, plan: Plan, created: "Created") -> Iterator[Row]:
    """Yield what is demanded, where something is, and how a VPC of others is used."""
    if environment.network.existing is not None:
        yield from _in_a_vpc_of_others(environment, plan, created)
    if environment.cluster.existing is not None:
        yield from _in_a_cluster_of_others(environment, plan, created)
    boundary, wanted = environment.aws.permissions_boundary, environment.aws.tags
    if boundary is not None:
        found = sorted({one.boundary for one in created.roles})
        yield "roles: permissions boundary", [boundary], found
    yield from _own_key(environment, created)
    yield from _own_roles(environment, created)
    if wanted:
        tagged = _tags(environment, created)
        if environment.network.existing is not None:
            del tagged["subnets"]
        if environment.cluster.existing is not None:
            del tagged["clusters"]
        if environment.cluster.platform == "hyperpod":
            # Why: its nodes are SageMaker's, in no group and no account of ours.
            for what in ("node groups", "instances", "volumes"):
                del tagged[what]
        yield (
            f"tags: of all {', '.join(tagged)}",
            dict.fromkeys(tagged, wanted),
            {
                what: {key: one for key, one in _in_all(tags).items() if key in wanted}
                for what, tags in tagged.items()
            },
        )


def _own_roles(environment: Environment, created: "Created") -> Iterator[Row]:
    """Yield that control plane and nodes have the roles the file names."""
    roles = environment.aws.roles
    theirs = {SYSTEM_NODES} if environment.cluster.existing is not None else set()
    nodes = [one for one in created.node_groups if one.labels.get(LABEL_NODE_ROLE) not in theirs]
    instances = created.hyperpod.groups if created.hyperpod else ()
    for what, arn, found in (
        ("control plane", roles.cluster, {created.cluster.role_arn}),
        ("nodes", roles.nodes, {one.role_arn for one in nodes}),
        ("HyperPod's instances", roles.hyperpod, {one.role_arn for one in instances}),
    ):
        if arn is not None:
            yield f"role of one's own: of {what}", [arn], sorted(found)


def _own_key(environment: Environment, created: "Created") -> Iterator[Row]:
    """Yield that secrets and the model bucket are under the key of the file."""
    key = environment.aws.kms_key_arn
    if key is None:
        return
    start = f"disagg-{environment.name}-models-"
    made = {one.key_arn for one in created.buckets if one.name.startswith(start)}
    if environment.cluster.existing is None:
        made.add(created.cluster.secrets_key_arn)
    if made:
        yield "key of one's own: of secrets and the model bucket", [key], sorted(made)


def _tags(environment: Environment, created: "Created") -> dict[str, list[Mapping[str, str]]]:
    theirs = {SYSTEM_NODES} if environment.cluster.existing is not None else set()
    groups = [one for one in created.node_groups if one.labels.get(LABEL_NODE_ROLE) not in theirs]
    templates = [one.launch_template for one in groups if one.launch_template]
    return {
        "clusters": [created.cluster.tags],
        "roles": [one.tags for one in created.roles],
        "subnets": [one.tags for one in created.subnets],
        "node groups": [one.tags for one in groups],
        "instances": [one.tags.get("instance", {}) for one in templates],
        "volumes": [one.tags.get("volume", {}) for one in templates],
    }


def _in_all(tags: list[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags that each of them has."""
    common = set.intersection(*(set(one.items()) for one in tags)) if tags else set()
    return dict(sorted(common))


def _in_a_vpc_of_others(environment: Environment, plan: Plan, created: "Created") -> Iterator[Row]:
    """Yield that everything is where others let it, and that nothing was made beside it."""
    layout = plan.subnets
    vpcs = [one for part in plan.existing if part.what == "VPC" for one in part.ids]
    yield "existing VPC: where the cluster is", vpcs, [created.cluster.vpc_id]
    yield (
        "existing VPC: its subnets, those of the file and no other",
        sorted((one.id, one.cidr, one.zone_id) for one in (layout.fabric, *layout.system)),
        sorted((one.id, one.cidr, one.zone_id) for one in created.subnets),
    )
    made = [one.service for one in created.endpoints] + [one.id for one in created.flow_logs]
    yield "existing VPC: endpoints and flow logs made in it", "none", ", ".join(made) or "none"
    system = sorted(one.id for one in layout.system)
    yield (
        "existing VPC: subnets of the control plane",
        system,
        sorted(created.cluster.subnet_ids),
    )
    if environment.cluster.platform == "hyperpod":
        return
    by_role = {
        group.labels.get(LABEL_NODE_ROLE, ""): sorted(group.subnet_ids)
        for group in created.node_groups
    }
    yield (
        "existing VPC: subnets of the nodes",
        {SYSTEM_NODES: system} | {group.name: [layout.fabric.id] for group in plan.groups},
        by_role,
    )


def _in_a_cluster_of_others(
    environment: Environment, plan: Plan, created: "Created"
) -> Iterator[Row]:
    """Yield that GPU groups joined, and that nothing else of the cluster is other than before."""
    existing = environment.cluster.existing
    assert existing is not None  # noqa: S101  Why: only called where there is one.
    held = cluster_held(environment)
    cluster = created.cluster
    yield (
        "existing cluster: name, version, security group",
        (existing.name, environment.cluster.kubernetes_version, existing.security_group_id),
        (cluster.name, cluster.version, cluster.cluster_security_group_id),
    )
    yield (
        "existing cluster: node groups, by role",
        sorted([SYSTEM_NODES, *(group.name for group in plan.groups)]),
        sorted(one.labels.get(LABEL_NODE_ROLE, "") for one in created.node_groups),
    )
    yield (
        "existing cluster: add-ons, as before",
        dict(held.add_ons) if held else {},
        {one.name: one.version for one in created.addons},
    )
    made = [one.principal_arn for one in created.access_entries] + [
        f"{one.namespace}/{one.service_account}" for one in created.pod_identities
    ]
    yield (
        "existing cluster: access entries and identities made in it",
        ", ".join(identities(environment, store_of(environment))) or "none",
        ", ".join(sorted(made)) or "none",
    )
