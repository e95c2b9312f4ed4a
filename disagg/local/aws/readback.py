"""What exists of an EKS cluster, read with boto3 and returned as plain typed data.

Works on the embedded endpoint and on AWS alike. The network's side is in `readback_network`.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import (
        LaunchTemplateBlockDeviceMappingTypeDef,
        LaunchTemplateInstanceNetworkInterfaceSpecificationTypeDef,
        ResponseLaunchTemplateDataTypeDef,
    )
    from types_boto3_eks import EKSClient
    from types_boto3_eks.type_defs import NodegroupTypeDef


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """An EKS cluster."""

    name: str
    arn: str
    version: str
    role_arn: str
    vpc_id: str
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    """The additional groups of the control plane."""
    cluster_security_group_id: str
    """The group that EKS itself makes."""
    endpoint_public: bool
    endpoint_private: bool
    secrets_key_arn: str
    """KMS key that Secrets are encrypted with; empty: none."""
    service_cidr: str
    """IPv4 range of Kubernetes services."""
    log_types: tuple[str, ...]
    """Control plane logs that are on, sorted."""
    authentication_mode: str
    creator_is_administrator: bool | None
    deletion_protection: bool
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkInterface:
    """A network interface that a launch template asks for."""

    card: int
    device: int
    type: str
    """interface | efa | efa-only"""
    security_group_ids: tuple[str, ...]
    subnet_id: str
    public_address: bool | None
    delete_on_termination: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """A block device that a launch template asks for."""

    device_name: str
    size_gib: int | None
    type: str
    iops: int | None
    throughput_mibps: int | None
    encrypted: bool | None
    kms_key_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchTemplate:
    """One version of a launch template."""

    id: str
    name: str
    version: int
    instance_type: str
    image_id: str
    interfaces: tuple[NetworkInterface, ...]
    """By card, then device."""
    volumes: tuple[Volume, ...]
    placement_group: str
    market_type: str
    """capacity-block | spot; empty: on demand."""
    reservation: str
    """Id of its capacity reservation, or ARN of a resource group of them; empty: none."""
    http_tokens: str
    """required: IMDSv2 only."""
    http_hop_limit: int | None
    user_data: str
    """Decoded."""
    tags: Mapping[str, Mapping[str, str]]
    """Tags by resource type: instance, volume, network-interface."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taint:
    """A taint of a node group, in the EKS API's words (NO_SCHEDULE)."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeGroup:
    """A managed node group, or what stands for one."""

    name: str
    node_pool: str = ""
    """Karpenter's node pool that it stands for; empty: it is a managed node group."""
    arn: str
    version: str
    role_arn: str
    subnet_ids: tuple[str, ...]
    ami_type: str
    capacity_type: str
    instance_types: tuple[str, ...]
    """Empty when the launch template says it."""
    minimum: int
    desired: int
    maximum: int
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    max_unavailable: int | None
    max_unavailable_percentage: int | None
    repair: bool
    launch_template: LaunchTemplate | None
    tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Addon:
    """An EKS add-on."""

    name: str
    arn: str
    version: str
    status: str
    configuration: str
    """JSON text; empty: none."""
    service_account_role_arn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PodIdentity:
    """Which role the pods of a service account act as."""

    association_id: str
    namespace: str
    service_account: str
    role_arn: str
    target_role_arn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessPolicy:
    """An access policy of an access entry."""

    arn: str
    scope: str
    """cluster | namespace"""
    namespaces: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessEntry:
    """Who may use the Kubernetes API, and as what."""

    principal_arn: str
    type: str
    groups: tuple[str, ...]
    username: str
    policies: tuple[AccessPolicy, ...]


def read_cluster(eks: "EKSClient", name: str) -> Cluster:
    """Return the cluster `name`."""
    cluster = eks.describe_cluster(name=name)["cluster"]
    network = cluster["resourcesVpcConfig"]
    access = cluster.get("accessConfig", {})
    encryption = cluster.get("encryptionConfig", [])
    keys = [item["provider"]["keyArn"] for item in encryption if "secrets" in item["resources"]]
    setups = cluster.get("logging", {}).get("clusterLogging", [])
    logs = [kind for setup in setups if setup["enabled"] for kind in setup["types"]]
    return Cluster(
        name=cluster["name"],
        arn=cluster["arn"],
        version=cluster["version"],
        role_arn=cluster["roleArn"],
        vpc_id=network["vpcId"],
        subnet_ids=tuple(network["subnetIds"]),
        security_group_ids=tuple(network.get("securityGroupIds", [])),
        cluster_security_group_id=network["clusterSecurityGroupId"],
        endpoint_public=network["endpointPublicAccess"],
        endpoint_private=network["endpointPrivateAccess"],
        secrets_key_arn=keys[0] if keys else "",
        service_cidr=cluster.get("kubernetesNetworkConfig", {}).get("serviceIpv4Cidr", ""),
        log_types=tuple(sorted(logs)),
        authentication_mode=access.get("authenticationMode", ""),
        creator_is_administrator=access.get("bootstrapClusterCreatorAdminPermissions"),
        deletion_protection=cluster.get("deletionProtection", False),
        tags=dict(cluster.get("tags", {})),
    )


def read_node_groups(eks: "EKSClient", ec2: "EC2Client", cluster: str) -> tuple[NodeGroup, ...]:
    """Return the managed node groups of the cluster with their launch templates, by name."""
    pages = eks.get_paginator("list_nodegroups").paginate(clusterName=cluster)
    names = sorted(name for page in pages for name in page["nodegroups"])
    described = (eks.describe_nodegroup(clusterName=cluster, nodegroupName=name) for name in names)
    return tuple(_node_group(ec2, answer["nodegroup"]) for answer in described)


def _node_group(ec2: "EC2Client", group: "NodegroupTypeDef") -> NodeGroup:
    template = group.get("launchTemplate")
    scaling = group["scalingConfig"]
    update = group.get("updateConfig", {})
    return NodeGroup(
        name=group["nodegroupName"],
        arn=group["nodegroupArn"],
        version=group.get("version", ""),
        role_arn=group["nodeRole"],
        subnet_ids=tuple(group["subnets"]),
        ami_type=group["amiType"],
        capacity_type=group["capacityType"],
        instance_types=tuple(group.get("instanceTypes", [])),
        minimum=scaling["minSize"],
        desired=scaling["desiredSize"],
        maximum=scaling["maxSize"],
        labels=dict(group.get("labels", {})),
        taints=tuple(
            Taint(key=taint["key"], value=taint.get("value", ""), effect=taint["effect"])
            for taint in group.get("taints", [])
        ),
        max_unavailable=update.get("maxUnavailable"),
        max_unavailable_percentage=update.get("maxUnavailablePercentage"),
        repair=group.get("nodeRepairConfig", {}).get("enabled", False),
        launch_template=read_launch_template(
            ec2, template["id"], template.get("version", "$Default")
        )
        if template
        else None,
        tags=dict(group.get("tags", {})),
    )


def read_launch_template(ec2: "EC2Client", template_id: str, version: str) -> LaunchTemplate:
    """Return one version of a launch template; `version` may be `$Latest` or `$Default`."""
    found = ec2.describe_launch_template_versions(LaunchTemplateId=template_id, Versions=[version])
    answer = found["LaunchTemplateVersions"][0]
    data = answer["LaunchTemplateData"]
    metadata = data.get("MetadataOptions", {})
    target = data.get("CapacityReservationSpecification", {}).get("CapacityReservationTarget", {})
    interfaces = (_interface(item) for item in data.get("NetworkInterfaces", []))
    return LaunchTemplate(
        id=answer["LaunchTemplateId"],
        name=answer["LaunchTemplateName"],
        version=answer["VersionNumber"],
        instance_type=data.get("InstanceType", ""),
        image_id=data.get("ImageId", ""),
        interfaces=tuple(sorted(interfaces, key=lambda item: (item.card, item.device))),
        volumes=tuple(_volume(item) for item in data.get("BlockDeviceMappings", [])),
        placement_group=data.get("Placement", {}).get("GroupName", ""),
        market_type=data.get("InstanceMarketOptions", {}).get("MarketType", ""),
        reservation=target.get("CapacityReservationId")
        or target.get("CapacityReservationResourceGroupArn", ""),
        http_tokens=metadata.get("HttpTokens", ""),
        http_hop_limit=metadata.get("HttpPutResponseHopLimit"),
        user_data=base64.b64decode(data.get("UserData", "")).decode(errors="replace"),
        tags=_template_tags(data),
    )


def _interface(
    item: "LaunchTemplateInstanceNetworkInterfaceSpecificationTypeDef",
) -> NetworkInterface:
    return NetworkInterface(
        card=item.get("NetworkCardIndex", 0),
        device=item["DeviceIndex"],
        type=item.get("InterfaceType", "interface"),
        security_group_ids=tuple(item.get("Groups", [])),
        subnet_id=item.get("SubnetId", ""),
        public_address=item.get("AssociatePublicIpAddress"),
        delete_on_termination=item.get("DeleteOnTermination"),
    )


def _volume(item: "LaunchTemplateBlockDeviceMappingTypeDef") -> Volume:
    ebs = item.get("Ebs", {})
    return Volume(
        device_name=item["DeviceName"],
        size_gib=ebs.get("VolumeSize"),
        type=ebs.get("VolumeType", ""),
        iops=ebs.get("Iops"),
        throughput_mibps=ebs.get("Throughput"),
        encrypted=ebs.get("Encrypted"),
        kms_key_id=ebs.get("KmsKeyId", ""),
    )


def _template_tags(data: "ResponseLaunchTemplateDataTypeDef") -> dict[str, dict[str, str]]:
    return {
        item["ResourceType"]: {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
        for item in data.get("TagSpecifications", [])
    }


def read_addons(eks: "EKSClient", cluster: str) -> tuple[Addon, ...]:
    """Return the add-ons of the cluster, by name."""
    pages = eks.get_paginator("list_addons").paginate(clusterName=cluster)
    names = sorted(name for page in pages for name in page["addons"])
    described = (eks.describe_addon(clusterName=cluster, addonName=name) for name in names)
    return tuple(
        Addon(
            name=addon["addonName"],
            arn=addon["addonArn"],
            version=addon.get("addonVersion", ""),
            status=addon["status"],
            configuration=addon.get("configurationValues", ""),
            service_account_role_arn=addon.get("serviceAccountRoleArn", ""),
        )
        for addon in (answer["addon"] for answer in described)
    )


def read_pod_identities(eks: "EKSClient", cluster: str) -> tuple[PodIdentity, ...]:
    """Return the pod identity associations of the cluster, by namespace and service account."""
    pages = eks.get_paginator("list_pod_identity_associations").paginate(clusterName=cluster)
    ids = [item["associationId"] for page in pages for item in page["associations"]]
    described = (
        eks.describe_pod_identity_association(clusterName=cluster, associationId=item)
        for item in ids
    )
    found = [
        PodIdentity(
            association_id=item["associationId"],
            namespace=item["namespace"],
            service_account=item["serviceAccount"],
            role_arn=item["roleArn"],
            target_role_arn=item.get("targetRoleArn", ""),
        )
        for item in (answer["association"] for answer in described)
    ]
    return tuple(sorted(found, key=lambda item: (item.namespace, item.service_account)))


def read_access_entries(eks: "EKSClient", cluster: str) -> tuple[AccessEntry, ...]:
    """Return the access entries of the cluster with their policies, by principal."""
    pages = eks.get_paginator("list_access_entries").paginate(clusterName=cluster)
    principals = sorted(principal for page in pages for principal in page["accessEntries"])
    return tuple(_access_entry(eks, cluster, principal) for principal in principals)


def _access_entry(eks: "EKSClient", cluster: str, principal: str) -> AccessEntry:
    entry = eks.describe_access_entry(clusterName=cluster, principalArn=principal)["accessEntry"]
    pages = eks.get_paginator("list_associated_access_policies").paginate(
        clusterName=cluster, principalArn=principal
    )
    policies = [
        AccessPolicy(
            arn=policy["policyArn"],
            scope=policy["accessScope"]["type"],
            namespaces=tuple(policy["accessScope"].get("namespaces", [])),
        )
        for page in pages
        for policy in page["associatedAccessPolicies"]
    ]
    return AccessEntry(
        principal_arn=entry["principalArn"],
        type=entry["type"],
        groups=tuple(entry.get("kubernetesGroups", [])),
        username=entry["username"],
        policies=tuple(sorted(policies, key=lambda policy: policy.arn)),
    )
