"""What was created, read with boto3, against what the environment plans."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from disagg.catalog.amis import AMI_FAMILIES
from disagg.catalog.kubernetes import KUBERNETES_VERSIONS
from disagg.catalog.resources import (
    GPU_TAINT,
    LABEL_NODE_ROLE,
    SYSTEM_NODES,
)
from disagg.config.environment import Environment
from disagg.config.prices import bundled_prices
from disagg.config.weights import Fsx
from disagg.local import compare_karpenter, compare_storage, owned
from disagg.local.aws import (
    readback,
    readback_closed,
    readback_delivery,
    readback_iam,
    readback_network,
    readback_schedules,
    readback_storage,
)
from disagg.local.aws.endpoint import AwsEndpoint
from disagg.local.aws.readback import Cluster, LaunchTemplate, NodeGroup
from disagg.local.aws.readback_hyperpod import HyperPod, find_hyperpod
from disagg.local.aws.readback_karpenter import Karpenter, find_karpenter
from disagg.local.compare_access import access_facts, endpoint_facts
from disagg.local.compare_ami import disk_facts, node_labels
from disagg.local.compare_delivery import delivery_facts
from disagg.local.compare_hyperpod import hyperpod_facts
from disagg.local.compare_network import image_facts, network_facts
from disagg.local.facts import Fact, open_to_itself
from disagg.planner.plan import GroupPlan, make_plan
from disagg.planner.reservations import FABRIC, messages
from disagg.planner.subnets import subnet_layout
from disagg.planner.weights import MODEL_LOADER, MODEL_SERVER, store_of

CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


@dataclass(frozen=True, kw_only=True, slots=True)
class Created:
    """Everything that was read back, before it is compared."""

    cluster: Cluster
    node_groups: tuple[NodeGroup, ...]
    addons: tuple[readback.Addon, ...]
    pod_identities: tuple[readback.PodIdentity, ...]
    access_entries: tuple[readback.AccessEntry, ...]
    subnets: tuple[readback_network.Subnet, ...]
    endpoints: tuple[readback_network.Endpoint, ...]
    flow_logs: tuple[readback_network.FlowLog, ...]
    schedules: tuple[readback_schedules.Schedule, ...]
    """One-time messages of the account and region."""
    buckets: tuple[readback_storage.Bucket, ...]
    """Buckets of the account that carry tags."""
    permissions: dict[str, compare_storage.Permissions]
    """What those who read and write stores of weights may do, by namespace and service account."""
    security_groups: dict[str, readback_network.SecurityGroup]
    """Groups of the VPC, by id."""
    roles: tuple[readback_iam.Role, ...]
    """Roles that CloudFormation made for the environment's stacks."""
    hyperpod: HyperPod | None = None
    """The HyperPod cluster that has the name of the EKS cluster; None: none."""
    karpenter: Karpenter | None = None
    """What Karpenter finds in the account; None: nothing acts for it."""
    capabilities: tuple[readback_delivery.Capability, ...] = ()
    file_systems: tuple[readback_storage.FileSystem, ...] = ()
    ways_out: tuple[str, ...] = ()
    """Gateways and routes that lead out of the VPC."""
    encryption: tuple[str, ...] = ()
    """Modes of the VPC's encryption controls."""
    repositories: tuple[readback_closed.Repository, ...] = ()
    """Repositories of images of the account and region."""
    parameters: dict[str, str] = field(default_factory=dict)
    """SSM parameters of the account and region, by name."""


def read_created(endpoint: AwsEndpoint, cluster_name: str, prefix: str = "Disagg") -> Created:
    """Return what the endpoint holds of an environment whose stacks' names begin with a prefix."""
    eks, ec2 = endpoint.client("eks"), endpoint.client("ec2")
    cluster = readback.read_cluster(eks, cluster_name)
    node_groups = readback.read_node_groups(eks, ec2, cluster_name)
    hyperpod = find_hyperpod(endpoint.client("sagemaker"), cluster_name)
    identities = readback.read_pod_identities(eks, cluster_name)
    iam = endpoint.client("iam")
    return Created(
        hyperpod=hyperpod,
        cluster=cluster,
        node_groups=node_groups,
        addons=readback.read_addons(eks, cluster_name),
        pod_identities=identities,
        access_entries=readback.read_access_entries(eks, cluster_name),
        subnets=readback_network.read_subnets(ec2, cluster.vpc_id),
        endpoints=readback_network.read_endpoints(ec2, cluster.vpc_id),
        flow_logs=readback_network.read_flow_logs(ec2, cluster.vpc_id),
        ways_out=readback_closed.read_ways_out(ec2, cluster.vpc_id),
        encryption=readback_closed.read_encryption(ec2, cluster.vpc_id),
        repositories=readback_closed.read_repositories(endpoint.client("ecr")),
        schedules=readback_schedules.read_schedules(endpoint.client("scheduler")),
        buckets=readback_storage.read_buckets(endpoint.client("s3")),
        permissions={
            f"{one.namespace}/{one.service_account}": readback_storage.read_permissions(
                iam, one.role_arn
            )
            for one in identities
            if one.service_account in {MODEL_LOADER, MODEL_SERVER}
        },
        security_groups={
            one.id: one for one in readback_network.read_security_groups(ec2, cluster.vpc_id)
        },
        karpenter=find_karpenter(endpoint.client, identities),
        file_systems=readback_storage.read_file_systems(endpoint.client("fsx"), ec2),
        capabilities=readback_delivery.read_capabilities(eks, cluster_name),
        parameters=readback_delivery.read_parameters(endpoint.client("ssm"), "/"),
        roles=readback_iam.read_roles(endpoint.client("iam"), f"{prefix}-"),
    )


def compare(environment: Environment, created: Created) -> list[Fact]:
    """Return every fact of the plan beside what was created; a rehearsal holds when all agree."""
    plan = make_plan(environment, bundled_prices())
    facts = list[Fact]()
    if environment.cluster.existing is None:
        facts += [*_cluster(environment, created), *access_facts(environment, created)]
    if environment.network.existing is None:
        facts += [*network_facts(environment, plan, created), *endpoint_facts(created)]
    if environment.cluster.platform == "eks":
        if environment.cluster.existing is None:
            facts += _system(environment, created)
        for group in plan.groups:
            facts += _node_group(environment, group, created)
    facts += hyperpod_facts(environment, plan, created)
    facts += compare_karpenter.karpenter_facts(environment, created)
    facts += _storage(environment, created)
    facts += image_facts(environment, created)
    facts += [
        Fact(about=about, planned=planned, created=found)
        for about, planned, found in owned.facts(environment, plan, created)
    ]
    return [*facts, *_messages(environment, created), *delivery_facts(environment, created)]


def _storage(environment: Environment, created: Created) -> Iterator[Fact]:
    store = store_of(environment)
    if store:
        rows = list(
            compare_storage.storage(environment, store, created.buckets, created.permissions)
        )
        if isinstance(store, Fsx):
            place = compare_storage.FileSystemPlace(
                zones={one.id: one.zone_id for one in created.subnets},
                nodes=created.cluster.cluster_security_group_id,
            )
            rows += compare_storage.file_systems(
                environment, store, created.file_systems, created.security_groups, place
            )
        for about, planned, made in rows:
            yield Fact(about=about, planned=planned, created=made)


def _messages(environment: Environment, created: Created) -> Iterator[Fact]:
    planned = sorted(
        (f"at({at:%Y-%m-%dT%H:%M:%S})", "UTC", text) for _, at, text in messages(environment)
    )
    if planned:
        yield Fact(
            about="messages before Capacity Blocks end",
            planned=planned,
            created=sorted((one.expression, one.zone, one.text) for one in created.schedules),
        )


def _cluster(environment: Environment, created: Created) -> Iterator[Fact]:
    cluster, wanted = created.cluster, environment.cluster
    yield Fact(
        about="cluster: Kubernetes version",
        planned=wanted.kubernetes_version,
        created=cluster.version,
    )
    yield Fact(about="cluster: private endpoint", planned=True, created=cluster.endpoint_private)
    yield Fact(about="cluster: public endpoint", planned=False, created=cluster.endpoint_public)
    yield Fact(
        about="cluster: secrets encrypted by a key",
        planned=True,
        created=bool(cluster.secrets_key_arn),
    )
    yield Fact(
        about="cluster: deletion protection",
        planned=wanted.deletion_protection,
        created=cluster.deletion_protection,
    )
    yield Fact(
        about="cluster: logs", planned=CONTROL_PLANE_LOGS, created=tuple(sorted(cluster.log_types))
    )
    yield Fact(
        about="cluster: administrators",
        planned=sorted(wanted.administrators),
        created=sorted(
            entry.principal_arn
            for entry in created.access_entries
            if any(
                policy.arn.endswith("/AmazonEKSClusterAdminPolicy") and policy.scope == "cluster"
                for policy in entry.policies
            )
        ),
    )
    yield Fact(
        about="cluster: add-ons",
        planned={
            one.name: one.version for one in KUBERNETES_VERSIONS[wanted.kubernetes_version].add_ons
        },
        created={one.name: one.version for one in created.addons},
    )
    yield Fact(
        about="cluster: Pod Identity",
        planned=sorted(
            (
                "kube-system/aws-load-balancer-controller",
                "kube-system/aws-node",
                *compare_karpenter.identities(environment),
                *compare_storage.identities(environment, store_of(environment)),
            )
        ),
        created=sorted(f"{one.namespace}/{one.service_account}" for one in created.pod_identities),
    )


def _system(environment: Environment, created: Created) -> Iterator[Fact]:
    wanted, system = environment.cluster, _with_role(created, SYSTEM_NODES)
    yield Fact(
        about="system nodes: type, size, zones",
        planned=[
            (
                wanted.system_type,
                wanted.system_nodes,
                wanted.system_nodes,
                len(subnet_layout(environment.network).system),
            )
        ],
        created=[
            (
                one.launch_template.instance_type if one.launch_template else "",
                one.minimum,
                one.desired,
                len(one.subnet_ids),
            )
            for one in system
        ],
    )


def _with_role(created: Created, role: str) -> list[NodeGroup]:
    return [group for group in created.node_groups if group.labels.get(LABEL_NODE_ROLE) == role]


def _node_group(environment: Environment, plan: GroupPlan, created: Created) -> Iterator[Fact]:
    name = f"{plan.name} nodes"
    found = _with_role(created, plan.name)
    label = f"{LABEL_NODE_ROLE}={plan.name}"
    yield Fact(about=f"{name}: node groups labelled {label}", planned=1, created=len(found))
    for group in found:
        sizes = {"min": group.minimum, "desired": group.desired, "max": group.maximum}
        yield Fact(
            about=f"{name}: size",
            planned={"min": 0, "desired": plan.desired_nodes, "max": plan.nodes},
            created=sizes,
        )
        yield Fact(
            about=f"{name}: labels",
            planned=node_labels(environment, plan),
            created=dict(sorted(group.labels.items())),
        )
        yield Fact(
            about=f"{name}: taints",
            planned=[(*GPU_TAINT, "NO_SCHEDULE")],
            created=[(taint.key, taint.value, taint.effect) for taint in group.taints],
        )
        capacity_type, market = compare_karpenter.bought(environment, plan)
        yield Fact(
            about=f"{name}: capacity type", planned=capacity_type, created=group.capacity_type
        )
        yield Fact(
            about=f"{name}: AMI", planned=AMI_FAMILIES[plan.ami].ami_type, created=group.ami_type
        )
        yield Fact(
            about=f"{name}: Kubernetes version",
            planned=environment.cluster.kubernetes_version,
            created=group.version,
        )
        zones = {one.id: one.zone_id for one in created.subnets}
        yield Fact(
            about=f"{name}: zone",
            planned=[plan.zone_id],
            created=[zones.get(one, one) for one in group.subnet_ids],
        )
        template = group.launch_template
        yield Fact(about=f"{name}: launch template", planned=True, created=template is not None)
        if template is not None:
            yield from _launch_template(name, plan, template, created, market)
            yield Fact(
                about=f"{name}: placement group",
                planned=plan.placement_group,
                # Why: CloudFormation names the environment's own group after its stack.
                created=FABRIC
                if template.placement_group.startswith(f"{environment.stack_prefix}-")
                else template.placement_group,
            )
            yield from disk_facts(name, environment, plan, template)


def _launch_template(
    name: str, plan: GroupPlan, template: LaunchTemplate, created: Created, market: str
) -> Iterator[Fact]:
    yield Fact(
        about=f"{name}: instance type", planned=plan.instance_type, created=template.instance_type
    )
    yield Fact(
        about=f"{name}: market, reservation",
        planned=(market, plan.reservation),
        created=(template.market_type, template.reservation),
    )
    cards = [(one.card, one.device, one.type) for one in template.interfaces]
    yield Fact(
        about=f"{name}: {len(plan.interfaces)} interfaces, card by card",
        planned=[(one.card, one.device, one.kind) for one in plan.interfaces],
        created=cards,
    )
    cluster_group = created.cluster.cluster_security_group_id
    yield Fact(
        about=f"{name}: interfaces with the cluster's group",
        planned=len(plan.interfaces),
        created=sum(cluster_group in one.security_group_ids for one in template.interfaces),
    )
    yield Fact(
        about=f"{name}: interfaces with a group open to itself both ways",
        planned=len(plan.interfaces),
        created=sum(
            any(open_to_itself(created.security_groups[group]) for group in one.security_group_ids)
            for one in template.interfaces
        ),
    )
    yield Fact(
        about=f"{name}: instance metadata tokens, hop limit",
        planned=("required", 1),
        created=(template.http_tokens, template.http_hop_limit),
    )
