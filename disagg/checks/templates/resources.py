"""Reading CloudFormation templates as plain data: resources, and what a reference refers to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Templates = Mapping[str, Mapping[str, Any]]
"""Synthesized templates by stack name."""

LAUNCH_TEMPLATE = "AWS::EC2::LaunchTemplate"
NODE_GROUP = "AWS::EKS::Nodegroup"
CLUSTER = "AWS::EKS::Cluster"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resource:
    """One resource of one template."""

    stack: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Stack and logical id, as findings say it."""
        return f"{self.stack}/{self.logical_id}"


def resources(templates: Templates, *types: str) -> Iterator[Resource]:
    """Yield the resources of the given types, of every type without any, in template order."""
    for stack, template in templates.items():
        for logical_id, body in template.get("Resources", {}).items():
            if not types or body["Type"] in types:
                yield Resource(
                    stack=stack,
                    logical_id=logical_id,
                    type=body["Type"],
                    properties=body.get("Properties", {}),
                )


def referred(templates: Templates, stack: str, value: object) -> tuple[str, str] | None:
    """Return stack and logical id a value refers to, through exports too; None for a literal.

    Example:
        >>> referred({}, "Network", {"Fn::GetAtt": ["Group", "GroupId"]})
        ('Network', 'Group')
    """
    match value:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), _]}:
            return stack, logical_id
        case {"Fn::ImportValue": str(export)}:
            for owner, template in templates.items():
                for output in template.get("Outputs", {}).values():
                    if output.get("Export", {}).get("Name") == export:
                        return referred(templates, owner, output["Value"])
    return None


def launch_template_of(templates: Templates, node_group: Resource) -> Resource | None:
    """Return the launch template a node group uses, None when it is not in the templates."""
    reference = node_group.properties.get("LaunchTemplate", {}).get("Id")
    target = referred(templates, node_group.stack, reference)
    found = (
        one
        for one in resources(templates, LAUNCH_TEMPLATE)
        if (one.stack, one.logical_id) == target
    )
    return next(found, None)


def launch_data(launch_template: Resource) -> Mapping[str, Any]:
    """Return what a launch template says about its instances."""
    data: Mapping[str, Any] = launch_template.properties.get("LaunchTemplateData", {})
    return data


def groups_open_to_themselves(templates: Templates, direction: str) -> set[tuple[str, str]]:
    """Return groups with a rule for all traffic to (`Egress`) or from (`Ingress`) themselves."""
    peer = "DestinationSecurityGroupId" if direction == "Egress" else "SourceSecurityGroupId"
    found = set()
    for one in resources(templates, f"AWS::EC2::SecurityGroup{direction}"):
        group = referred(templates, one.stack, one.properties.get("GroupId"))
        other = referred(templates, one.stack, one.properties.get(peer))
        if group and group == other and one.properties.get("IpProtocol") == "-1":
            found.add(group)
    return found
