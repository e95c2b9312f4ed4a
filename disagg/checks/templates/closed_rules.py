"""Rules about the templates of an environment whose network has no internet."""

from collections.abc import Iterator, Mapping
from typing import Any

from disagg.checks.rule import Finding, rule
from disagg.checks.templates.resources import (
    LAUNCH_TEMPLATE,
    Templates,
    launch_data,
    resources,
)
from disagg.config.environment import Environment

_WAYS_OUT = (
    "AWS::EC2::InternetGateway",
    "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::NatGateway",
    "AWS::EC2::EIP",
    "AWS::EC2::VPCGatewayAttachment",
)
_ANYWHERE = {"0.0.0.0/0", "::/0"}
_CLOSED_BY = "aws:PrincipalAccount"


@rule("DISAGG-NET-020")
def closed_networks_have_no_gateway(
    templates: Templates, environment: Environment
) -> Iterator[Finding]:
    """Where the file says no internet, no gateway to it is made, and no public address.

    Source: VPC user guide "VPC_Internet_Gateway", "vpc-nat-gateway".
    """
    for one in resources(templates, *_WAYS_OUT) if environment.closed else ():
        yield Finding(
            at=(one.name,),
            got=one.type,
            need="no way to the internet: network.internet is none",
            fix="leave it out",
        )


@rule("DISAGG-NET-021")
def closed_networks_have_no_default_route(
    templates: Templates, environment: Environment
) -> Iterator[Finding]:
    """Where the file says no internet, no route leads everywhere.

    A route to 0.0.0.0/0 through a transit gateway or a peer is a way out as well, of somebody
    else's making. Source: VPC user guide "route-table-options".
    """
    for one in resources(templates, "AWS::EC2::Route") if environment.closed else ():
        for key in ("DestinationCidrBlock", "DestinationIpv6CidrBlock"):
            if one.properties.get(key) in _ANYWHERE:
                yield Finding(
                    at=(one.name, key),
                    got=f"a route to {one.properties[key]}",
                    need="routes to what is named",
                    fix="leave it out",
                )


@rule("DISAGG-NET-022")
def closed_networks_give_no_public_address(
    templates: Templates, environment: Environment
) -> Iterator[Finding]:
    """Where the file says no internet, no subnet and no interface asks for a public address.

    Nothing leads to it while there is no internet gateway; one that somebody attaches would make it
    reachable. Source: VPC user guide "vpc-ip-addressing".
    """
    if not environment.closed:
        return
    for one in resources(templates, "AWS::EC2::Subnet"):
        if one.properties.get("MapPublicIpOnLaunch"):
            yield Finding(
                at=(one.name, "MapPublicIpOnLaunch"),
                got="public addresses",
                need="false",
                fix="leave it out",
            )
    for one in resources(templates, LAUNCH_TEMPLATE):
        for index, card in enumerate(launch_data(one).get("NetworkInterfaces", [])):
            if card.get("AssociatePublicIpAddress"):
                yield Finding(
                    at=(one.name, "NetworkInterfaces", index),
                    got="a public address",
                    need="none",
                    fix="leave it out",
                )


@rule("DISAGG-NET-023")
def endpoints_are_for_this_account(
    templates: Templates, environment: Environment
) -> Iterator[Finding]:
    """Where the file says no internet, each endpoint says who may pass it, and to whose resources.

    Without a policy an endpoint lets any credentials reach any account: a pod with a key of
    somebody else's copies the weights to somebody else's bucket. Statements that name no principal
    of this account may only read, and only from what they name. Source: VPC user guide
    "vpc-endpoints-access"; AWS's data perimeter policy examples.
    """
    for one in resources(templates, "AWS::EC2::VPCEndpoint") if environment.closed else ():
        statements = one.properties.get("PolicyDocument", {}).get("Statement", [])
        open_to = [row for row in statements if not _bound(row, environment.aws.account)]
        if not statements or open_to:
            said = ", ".join(str(row.get("Sid", "a statement")) for row in open_to)
            yield Finding(
                at=(one.name, "PolicyDocument"),
                got=f"{said} for everybody" if statements else "no policy",
                need=f"{_CLOSED_BY} {environment.aws.account}, or named resources to read",
                fix="give it the policy of disagg.planner.endpoint_policies",
            )


def _bound(statement: Mapping[str, Any], account: str) -> bool:
    """Tell whether a statement is of this account on both sides, or reads what it names."""
    conditions = statement.get("Condition", {})
    ours = conditions.get("StringEquals", {}).get(_CLOSED_BY) == account
    of_ours = any(
        pairs.get("aws:ResourceAccount") == account
        for operator, pairs in conditions.items()
        if operator.startswith("StringEquals")
    )
    resources_ = statement.get("Resource", "*")
    named = "*" not in (resources_ if isinstance(resources_, list) else [resources_])
    actions = statement.get("Action", "*")
    reads = all(
        one.partition(":")[2].startswith(("Get", "BatchGet", "BatchCheck"))
        for one in (actions if isinstance(actions, list) else [actions])
    )
    return (ours and of_ours) or (named and reads)


@rule("DISAGG-NET-024")
def closed_groups_let_out_to_what_is_named(
    templates: Templates, environment: Environment
) -> Iterator[Finding]:
    """Where the file says no internet, no security group that is made lets out to everywhere.

    The cluster's own group is EKS's, which lets everything out: what holds there is that no route
    leads anywhere. Source: EKS user guide "sec-group-reqs".
    """
    if not environment.closed:
        return
    for one in resources(templates, "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupEgress"):
        inline = one.properties.get("SecurityGroupEgress")
        if one.type == "AWS::EC2::SecurityGroup" and inline is None:
            rules = [{"CidrIp": "0.0.0.0/0"}]
        else:
            rules = inline or [one.properties]
        for row in rules:
            if {row.get("CidrIp"), row.get("CidrIpv6")} & _ANYWHERE:
                yield Finding(
                    at=(one.name, "SecurityGroupEgress"),
                    got="everything to everywhere",
                    need="peers that are named",
                    fix="set allow_all_outbound to False",
                )
