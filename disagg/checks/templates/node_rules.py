"""Rules about the nodes in synthesized templates: interfaces, security groups, metadata, disks."""

from collections.abc import Iterator

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.checks.rule import Finding, rule
from disagg.checks.templates.resources import (
    LAUNCH_TEMPLATE,
    NODE_GROUP,
    Templates,
    groups_open_to_themselves,
    launch_data,
    launch_template_of,
    referred,
    resources,
)
from disagg.planner.fabric import network_interfaces

_FORBIDDEN_IN_TEMPLATE = ("SecurityGroupIds", "SecurityGroups", "IamInstanceProfile")
_FORBIDDEN_IN_GROUP = ("InstanceTypes", "DiskSize", "RemoteAccess")
_GROUPS_OF_A_NODE = 2


@rule("DISAGG-TPL-001")
def interfaces_follow_the_instance_type(templates: Templates) -> Iterator[Finding]:
    """The interfaces of a launch template are exactly those of its instance type.

    One plain interface first, then one `efa-only` on each card that has EFA. A card left out is
    bandwidth paid for and not used; `efa` in place of `efa-only` can keep a node from joining.
    Neither CloudFormation nor cfn-lint sees it. Source: EC2 user guide, efa-acc-inst-types.
    """
    for one in resources(templates, LAUNCH_TEMPLATE):
        instance = INSTANCE_TYPES.get(launch_data(one).get("InstanceType", ""))
        if instance is None:
            continue
        need = [(i.card, i.device, i.kind) for i in network_interfaces(instance)]
        got = [
            (ni.get("NetworkCardIndex"), ni.get("DeviceIndex"), ni.get("InterfaceType"))
            for ni in launch_data(one).get("NetworkInterfaces", [])
        ]
        if got != need:
            yield Finding(
                at=(one.name, "LaunchTemplateData", "NetworkInterfaces"),
                got=f"{instance.name} with (card, device, type) {got}",
                need=str(need),
                fix="take the list of disagg.planner.fabric.network_interfaces",
            )


@rule("DISAGG-TPL-002")
def interfaces_carry_cluster_and_efa_group(templates: Templates) -> Iterator[Finding]:
    """Every interface of a GPU node carries two security groups at least, one of them an EFA group.

    EKS adds no group to interfaces a launch template lists: without the cluster's group a node
    never reaches the API server, without the EFA group its packets are dropped. Source: EKS user
    guide, launch-templates.
    """
    efa = groups_open_to_themselves(templates, "Ingress") & groups_open_to_themselves(
        templates, "Egress"
    )
    for one in resources(templates, LAUNCH_TEMPLATE):
        for index, interface in enumerate(launch_data(one).get("NetworkInterfaces", [])):
            groups = interface.get("Groups", [])
            has_efa = any(referred(templates, one.stack, group) in efa for group in groups)
            if len(groups) < _GROUPS_OF_A_NODE or not has_efa:
                yield Finding(
                    at=(one.name, "LaunchTemplateData", "NetworkInterfaces", index, "Groups"),
                    got=f"{len(groups)} groups, {'with' if has_efa else 'without'} an EFA group",
                    need="the cluster security group and the EFA security group",
                    fix="put both group ids into Groups of every interface",
                )


@rule("DISAGG-TPL-003")
def launch_templates_leave_to_eks_what_is_its_own(templates: Templates) -> Iterator[Finding]:
    """A launch template names no subnet, no instance-level security groups and no instance profile.

    EKS refuses node groups whose template does, after minutes. Source: EKS user guide,
    launch-templates.
    """
    for one in resources(templates, LAUNCH_TEMPLATE):
        data = launch_data(one)
        found = [(key,) for key in _FORBIDDEN_IN_TEMPLATE if key in data]
        found += [
            ("NetworkInterfaces", index, "SubnetId")  # type: ignore[misc]
            for index, interface in enumerate(data.get("NetworkInterfaces", []))
            if "SubnetId" in interface
        ]
        for path in found:
            yield Finding(
                at=(one.name, "LaunchTemplateData", *path),
                got=f"{path[-1]} is set",
                need="nothing: subnets belong to the node group, groups to each interface",
                fix=f"remove {path[-1]}",
            )


@rule("DISAGG-TPL-004")
def efa_groups_are_open_both_ways(templates: Templates) -> Iterator[Finding]:
    """A security group that lets all traffic from itself in lets it out too, and the reverse.

    EFA packets are not IP, so a rule for 0.0.0.0/0 does not cover them; CDK drops the egress rule
    silently when all outbound traffic is allowed. The sign is error 4126, unresponsive receiver.
    Source: EC2 user guide, efa-start; awslabs/awsome-distributed-ai issue 546.
    """
    ingress = groups_open_to_themselves(templates, "Ingress")
    egress = groups_open_to_themselves(templates, "Egress")
    for stack, logical_id in sorted(ingress ^ egress):
        missing = "egress" if (stack, logical_id) in ingress else "ingress"
        yield Finding(
            at=(f"{stack}/{logical_id}",),
            got=f"no {missing} rule for all traffic with itself",
            need="both directions",
            fix=f"add the self-referencing {missing} rule as a resource of its own",
        )


@rule("DISAGG-TPL-005")
def node_groups_leave_hardware_to_the_launch_template(templates: Templates) -> Iterator[Finding]:
    """A node group names its AMI type, and no instance types, disk size or remote access.

    Those three are create-only or refused beside a launch template. Without an AMI type EKS picks
    one without GPU driver. Source: EKS user guide, launch-templates; CloudFormation schema of
    AWS::EKS::Nodegroup.
    """
    for one in resources(templates, NODE_GROUP):
        for key in _FORBIDDEN_IN_GROUP:
            if key in one.properties:
                yield Finding(
                    at=(one.name, key),
                    got=f"{key} is set",
                    need="the launch template to say it",
                    fix=f"remove {key} from the node group",
                )
        if not one.properties.get("AmiType"):
            yield Finding(
                at=(one.name, "AmiType"),
                got="no AMI type",
                need="an explicit one",
                fix="set AL2023_x86_64_NVIDIA for GPU nodes, AL2023_x86_64_STANDARD for others",
            )


@rule("DISAGG-TPL-006")
def gpu_node_groups_stay_in_one_subnet(templates: Templates) -> Iterator[Finding]:
    """A node group of GPU nodes has exactly one subnet.

    EFA traffic does not leave a zone, and with several subnets EC2 picks the zone. Source: EC2 user
    guide, efa.
    """
    for one in resources(templates, NODE_GROUP):
        template = launch_template_of(templates, one)
        wired = template is not None and "NetworkInterfaces" in launch_data(template)
        subnets = one.properties.get("Subnets", [])
        if (wired or "NVIDIA" in one.properties.get("AmiType", "")) and len(subnets) != 1:
            yield Finding(
                at=(one.name, "Subnets"),
                got=f"{len(subnets)} subnets",
                need="one, in the fabric zone",
                fix="give the fabric subnet only",
            )


@rule("DISAGG-TPL-007")
def node_credentials_are_out_of_reach_of_pods(templates: Templates) -> Iterator[Finding]:
    """Every launch template requires IMDSv2 with a hop limit of 1.

    With two hops a pod reads the credentials of its node. Pods get their own by Pod Identity.
    Source: EKS best practices guide, identity and access management.
    """
    for one in resources(templates, LAUNCH_TEMPLATE):
        options = launch_data(one).get("MetadataOptions", {})
        got = (options.get("HttpTokens"), options.get("HttpPutResponseHopLimit"))
        if got != ("required", 1):
            yield Finding(
                at=(one.name, "LaunchTemplateData", "MetadataOptions"),
                got=f"HttpTokens {got[0]}, hop limit {got[1]}",
                need="HttpTokens required, hop limit 1",
                fix="set both",
            )


@rule("DISAGG-TPL-008")
def root_volumes_are_encrypted(templates: Templates) -> Iterator[Finding]:
    """Every launch template encrypts the volumes of its nodes, the root volume at least.

    On nodes without local disks the images, the logs and the secrets of pods end there.
    Source: EC2 user guide, EBS encryption.
    """
    for one in resources(templates, LAUNCH_TEMPLATE):
        volumes = [
            ebs["Ebs"] for ebs in launch_data(one).get("BlockDeviceMappings", []) if "Ebs" in ebs
        ]
        if not volumes or not all(volume.get("Encrypted") is True for volume in volumes):
            yield Finding(
                at=(one.name, "LaunchTemplateData", "BlockDeviceMappings"),
                got="a volume without Encrypted: true" if volumes else "no root volume",
                need="Encrypted: true on every volume",
                fix="map the root device with an encrypted volume",
            )
