"""EKS resource types for moto's CloudFormation, kept as boto3's `eks` answers them."""

from collections.abc import Callable, Iterable
from typing import Any

from moto.eks.models import eks_backends
from moto.iam.models import iam_backends

from disagg.local.aws import ec2
from disagg.local.aws.cloudformation import Call, Created, Properties, ResourceType

_MAPS_OF_THE_USER = frozenset({"Labels", "Tags"})

_CLUSTER_FIELDS = {
    "AccessConfig": "access_config",
    "ComputeConfig": "compute_config",
    "DeletionProtection": "deletion_protection",
    "EncryptionConfig": "encryption_config",
    "KubernetesNetworkConfig": "kubernetes_network_config",
    "RoleArn": "role_arn",
    "StorageConfig": "storage_config",
    "UpgradePolicy": "upgrade_policy",
    "Version": "version",
    "ZonalShiftConfig": "zonal_shift_config",
}
_NODE_GROUP_FIELDS = {
    "AmiType": "ami_type",
    "CapacityType": "capacity_type",
    "DiskSize": "disk_size",
    "InstanceTypes": "instance_types",
    "Labels": "labels",
    "LaunchTemplate": "launch_template",
    "NodeRepairConfig": "node_repair_config",
    "NodeRole": "node_role",
    "ReleaseVersion": "release_version",
    "RemoteAccess": "remote_access",
    "ScalingConfig": "scaling_config",
    "Subnets": "subnets",
    "Tags": "tags",
    "Taints": "taints",
    "UpdateConfig": "update_config",
    "Version": "version",
}


def camel(value: Any) -> Any:
    """Return a template's value with the key style of the EKS API.

    Example:
        >>> camel({"MinSize": 1, "Labels": {"Pool": "gpu"}})
        {'minSize': 1, 'labels': {'Pool': 'gpu'}}
    """
    if isinstance(value, list):
        return [camel(item) for item in value]
    if isinstance(value, dict):
        return {
            key[0].lower() + key[1:]: inner if key in _MAPS_OF_THE_USER else camel(inner)
            for key, inner in value.items()
        }
    return value


def tags_of(properties: Properties) -> dict[str, str]:
    """Return the tags of a template, in either of the forms that EKS types use, as a mapping."""
    tags = properties.get("Tags") or {}
    return dict(tags) if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}


def backend(call: Call) -> Any:
    """Return moto's EKS of the account and region."""
    return eks_backends[call.account][call.region]


def cluster_of(call: Call) -> Any:
    """Return the cluster a resource belongs to; fails as the API does when there is none."""
    return backend(call).describe_cluster(name=call.properties["ClusterName"])


def shelf(cluster: Any, kind: str) -> dict[str, dict[str, Any]]:
    """Return what moto does not keep for a cluster, by key, as the API answers it."""
    things: dict[str, dict[str, Any]] = cluster.__dict__.setdefault(f"disagg_{kind}", {})
    return things


def require_role(call: Call, arn: str) -> None:
    """Fail as the API does when a role is not there."""
    iam_backends[call.account][call.partition].get_role_by_arn(arn)


def _first(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None}


# --- cluster ---------------------------------------------------------------------------------


def _security_group(call: Call, name: str, vpc_id: str) -> str:
    """Make the security group that EKS makes for a cluster, and return its id."""
    ec2_backend = ec2.backend(call)
    group = ec2_backend.create_security_group(
        name=f"eks-cluster-sg-{name}-{call.identifier('sg', name)[3:12]}",
        description="EKS created security group applied to ENI that is attached to EKS "
        "Control Plane master nodes, as well as any managed workloads.",
        vpc_id=vpc_id,
        tags={"aws:eks:cluster-name": name, f"kubernetes.io/cluster/{name}": "owned"},
    )
    ec2_backend.authorize_security_group_ingress(
        group_name_or_id=group.id,
        ip_protocol="-1",
        from_port=None,
        to_port=None,
        ip_ranges=[],
        source_groups=[{"GroupId": group.id}],
    )
    return str(group.id)


def _vpc_config(call: Call) -> dict[str, Any]:
    config = call.properties["ResourcesVpcConfig"]
    subnets = [ec2.backend(call).get_subnet(subnet) for subnet in config["SubnetIds"]]
    for group in config.get("SecurityGroupIds", []):
        ec2.backend(call).describe_security_groups(group_ids=[group])
    defaults = {"endpointPublicAccess": True, "endpointPrivateAccess": False}
    return {**defaults, **camel(config), "vpcId": subnets[0].vpc_id}


def _logging(properties: Properties) -> dict[str, Any]:
    """Return the logging as `DescribeCluster` answers it: all five types, on and off."""
    enabled = properties.get("Logging", {}).get("ClusterLogging", {}).get("EnabledTypes", [])
    on = sorted(item["Type"] for item in enabled)
    every = ("api", "audit", "authenticator", "controllerManager", "scheduler")
    off = [name for name in every if name not in on]
    both = ((on, True), (off, False))
    return {"clusterLogging": [{"types": types, "enabled": yes} for types, yes in both if types]}


def _describe(call: Call, cluster: Any) -> Created:
    """Copy the template's properties onto moto's cluster and return what the template may ask."""
    for source, target in _CLUSTER_FIELDS.items():
        if source in call.properties:
            setattr(cluster, target, camel(call.properties[source]))
    # Why: templates leave the deprecated Resources out; the API answers with its only value.
    cluster.encryption_config = [
        {"resources": ["secrets"], **item} for item in cluster.encryption_config or []
    ]
    cluster.logging = _logging(call.properties)
    cluster.tags.update(tags_of(call.properties))
    keys = [item["provider"]["keyArn"] for item in cluster.encryption_config]
    attributes = {
        "Arn": cluster.arn,
        "CertificateAuthorityData": cluster.certificate_authority["data"],
        "ClusterSecurityGroupId": cluster.resources_vpc_config["clusterSecurityGroupId"],
        "EncryptionConfigKeyArn": keys[0] if keys else "",
        "Endpoint": cluster.endpoint,
        "Id": cluster.name,
        "OpenIdConnectIssuerUrl": cluster.identity["oidc"]["issuer"],
    }
    return Created(physical_id=cluster.name, attributes=attributes)


def _create_cluster(call: Call) -> Created:
    name = str(call.properties.get("Name") or call.name)
    require_role(call, call.properties["RoleArn"])
    config = _vpc_config(call)
    cluster = backend(call).create_cluster(
        name=name, role_arn=call.properties["RoleArn"], resources_vpc_config=config
    )
    config["clusterSecurityGroupId"] = _security_group(call, name, config["vpcId"])
    return _describe(call, cluster)


def _update_cluster(call: Call) -> Created:
    cluster = backend(call).describe_cluster(name=call.properties.get("Name") or call.name)
    group = cluster.resources_vpc_config["clusterSecurityGroupId"]
    cluster.resources_vpc_config = {**_vpc_config(call), "clusterSecurityGroupId": group}
    return _describe(call, cluster)


def _delete_cluster(call: Call) -> None:
    cluster = backend(call).delete_cluster(name=call.properties.get("Name") or call.name)
    group = cluster.resources_vpc_config["clusterSecurityGroupId"]
    ec2.backend(call).delete_security_group(group_id=group)


# --- node group ------------------------------------------------------------------------------


def _launch_template(call: Call) -> dict[str, str] | None:
    """Return the launch template as the API names it; fails when it or its version is not there.

    Raises:
        ValueError: the instance type is in both or in neither of the two places.
    """
    asked = call.properties.get("LaunchTemplate")
    in_group = bool(call.properties.get("InstanceTypes"))
    if not asked:
        return None
    ec2_backend = ec2.backend(call)
    template = (
        ec2_backend.get_launch_template(asked["Id"])
        if "Id" in asked
        else ec2_backend.get_launch_template_by_name(asked["Name"])
    )
    version = str(asked.get("Version") or template.default_version_number)
    in_template = bool(template.get_version(version).instance_type)
    if in_group and in_template:
        raise ValueError("the instance type is in the launch template and in the node group")
    return {"id": template.id, "name": template.name, "version": version}


def _node_group_name(call: Call) -> str:
    return str(call.properties.get("NodegroupName") or call.name)


def _put_node_group(call: Call) -> Created:
    properties, name = call.properties, _node_group_name(call)
    cluster = cluster_of(call)
    require_role(call, properties["NodeRole"])
    template = _launch_template(call)
    for subnet in properties["Subnets"]:
        ec2.backend(call).get_subnet(subnet)
    if name not in cluster.nodegroups:
        backend(call).create_nodegroup(
            cluster_name=cluster.name,
            node_role=properties["NodeRole"],
            nodegroup_name=name,
            subnets=list(properties["Subnets"]),
            launch_template=template,
            disk_size=properties.get("DiskSize"),
            tags=tags_of(properties),
        )
    group = cluster.nodegroups[name]
    for source, target in _NODE_GROUP_FIELDS.items():
        given = properties.get(source)
        if given is not None:
            plain = source in _MAPS_OF_THE_USER
            setattr(group, target, dict(given) if plain else camel(given))
        elif source not in {"AmiType", "CapacityType", "ScalingConfig", "Labels", "Tags", "Taints"}:
            # Why: moto fills these with values of its own, such as Kubernetes 1.19.
            setattr(group, target, None)
    group.launch_template = template
    group.version = properties.get("Version") or cluster.version
    return Created(
        physical_id=f"{cluster.name}/{name}",
        attributes={
            "Arn": group.arn,
            "ClusterName": cluster.name,
            "Id": f"{cluster.name}/{name}",
            "NodegroupName": name,
        },
    )


def _delete_node_group(call: Call) -> None:
    backend(call).delete_nodegroup(
        cluster_name=call.properties["ClusterName"], nodegroup_name=_node_group_name(call)
    )


# --- what moto does not know at all ----------------------------------------------------------


def _put_addon(call: Call) -> Created:
    properties, cluster = call.properties, cluster_of(call)
    name = properties["AddonName"]
    arn = call.arn("eks", f"addon/{cluster.name}/{name}/{call.identifier('x', name)[2:]}")
    associations = [
        call.arn(
            "eks", f"podidentityassociation/{cluster.name}/{call.identifier('a', name, account)}"
        )
        for account in (
            item["ServiceAccount"] for item in properties.get("PodIdentityAssociations", [])
        )
    ]
    shelf(cluster, "addons")[name] = _first(
        (
            ("addonName", name),
            ("clusterName", cluster.name),
            ("status", "ACTIVE"),
            ("addonVersion", properties.get("AddonVersion")),
            ("addonArn", arn),
            ("configurationValues", properties.get("ConfigurationValues")),
            ("serviceAccountRoleArn", properties.get("ServiceAccountRoleArn")),
            ("podIdentityAssociations", associations),
            ("createdAt", cluster.created_at),
            ("health", {"issues": []}),
            ("tags", tags_of(properties)),
        )
    )
    return Created(physical_id=f"{cluster.name}|{name}", attributes={"Arn": arn})


def _put_access_entry(call: Call) -> Created:
    properties, cluster = call.properties, cluster_of(call)
    principal = properties["PrincipalArn"]
    tail = principal.split(":", 5)[-1]
    arn = call.arn("eks", f"access-entry/{cluster.name}/{tail}/{call.identifier('x', tail)[2:]}")
    shelf(cluster, "access_entries")[principal] = {
        "clusterName": cluster.name,
        "principalArn": principal,
        "accessEntryArn": arn,
        "kubernetesGroups": list(properties.get("KubernetesGroups", [])),
        "username": properties.get("Username", principal),
        "type": properties.get("Type", "STANDARD"),
        "createdAt": cluster.created_at,
        "tags": tags_of(properties),
        "policies": camel(list(properties.get("AccessPolicies", []))),
    }
    return Created(physical_id=f"{principal}|{cluster.name}", attributes={"AccessEntryArn": arn})


def _association_id(call: Call) -> str:
    return call.identifier("a", call.properties["Namespace"], call.properties["ServiceAccount"])


def _put_pod_identity(call: Call) -> Created:
    properties, cluster = call.properties, cluster_of(call)
    require_role(call, properties["RoleArn"])
    association_id = _association_id(call)
    arn = call.arn("eks", f"podidentityassociation/{cluster.name}/{association_id}")
    shelf(cluster, "pod_identities")[association_id] = _first(
        (
            ("clusterName", cluster.name),
            ("namespace", properties["Namespace"]),
            ("serviceAccount", properties["ServiceAccount"]),
            ("roleArn", properties["RoleArn"]),
            ("targetRoleArn", properties.get("TargetRoleArn")),
            ("disableSessionTags", properties.get("DisableSessionTags", False)),
            ("associationArn", arn),
            ("associationId", association_id),
            ("createdAt", cluster.created_at),
            ("tags", tags_of(properties)),
        )
    )
    return Created(
        physical_id=arn, attributes={"AssociationArn": arn, "AssociationId": association_id}
    )


def _dropper(kind: str, key: Callable[[Call], str]) -> Callable[[Call], None]:
    """Return the delete of a resource that is only on a cluster's shelf."""

    def drop(call: Call) -> None:
        cluster = backend(call).clusters.get(call.properties["ClusterName"])
        if cluster is not None:
            shelf(cluster, kind).pop(key(call), None)

    return drop


TYPES = (
    ResourceType(
        name="AWS::EKS::Cluster",
        attributes=(
            "Arn",
            "CertificateAuthorityData",
            "ClusterSecurityGroupId",
            "EncryptionConfigKeyArn",
            "Endpoint",
            "Id",
            "OpenIdConnectIssuerUrl",
        ),
        create=_create_cluster,
        update=_update_cluster,
        delete=_delete_cluster,
    ),
    ResourceType(
        name="AWS::EKS::Nodegroup",
        attributes=("Arn", "ClusterName", "Id", "NodegroupName"),
        create=_put_node_group,
        update=_put_node_group,
        delete=_delete_node_group,
    ),
    ResourceType(
        name="AWS::EKS::Addon",
        attributes=("Arn",),
        create=_put_addon,
        update=_put_addon,
        delete=_dropper("addons", lambda call: str(call.properties["AddonName"])),
    ),
    ResourceType(
        name="AWS::EKS::AccessEntry",
        attributes=("AccessEntryArn",),
        create=_put_access_entry,
        update=_put_access_entry,
        delete=_dropper("access_entries", lambda call: str(call.properties["PrincipalArn"])),
    ),
    ResourceType(
        name="AWS::EKS::PodIdentityAssociation",
        attributes=("AssociationArn", "AssociationId"),
        create=_put_pod_identity,
        update=_put_pod_identity,
        delete=_dropper("pod_identities", _association_id),
    ),
)
