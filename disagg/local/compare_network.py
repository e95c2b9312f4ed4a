"""The VPC and the images brought into the account, read back against the plan."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from disagg.config.environment import Environment
from disagg.config.images import Ecr
from disagg.local.aws.readback_network import Endpoint
from disagg.local.facts import Fact
from disagg.planner.endpoints import GATEWAY_ENDPOINTS, interface_endpoints
from disagg.planner.images import copied, prefix
from disagg.planner.plan import Plan

if TYPE_CHECKING:
    from disagg.local.compare import Created

WAYS_OUT = (
    "NAT gateway",
    "internet gateway",
    "route to everywhere",
    "route to everywhere",
)
"""With internet: one NAT gateway, and a route to it and to the internet gateway."""


def network_facts(environment: Environment, plan: Plan, created: "Created") -> Iterator[Fact]:
    """Yield subnets, endpoints, ways out, encryption controls and flow logs of a VPC made here."""
    layout = plan.subnets
    yield Fact(
        about="subnets: range, zone and reach",
        planned=sorted(
            (one.cidr, one.zone_id, "public" if one.public else "private")
            for one in (layout.fabric, *layout.system, layout.public)
            if one is not None
        ),
        created=sorted(
            (one.cidr, one.zone_id, "public" if one.public else "private")
            for one in created.subnets
        ),
    )
    region = plan.region
    yield Fact(
        about="endpoints",
        planned=sorted(
            f"com.amazonaws.{region}.{name}"
            for name in (*interface_endpoints(environment), *GATEWAY_ENDPOINTS)
        ),
        created=sorted(one.service for one in created.endpoints),
    )
    yield Fact(
        about="ways out of the VPC",
        planned="none" if environment.closed else WAYS_OUT,
        created=created.ways_out or "none",
    )
    if environment.closed:
        account = environment.aws.account
        yield Fact(
            about="endpoints: whose principals and resources they let through",
            planned=dict.fromkeys(sorted(one.service for one in created.endpoints), account),
            created={one.service: _let_through(one) for one in created.endpoints},
        )
    wanted = environment.network.encryption
    yield Fact(
        about="encryption controls",
        planned=wanted,
        created=", ".join(created.encryption) or "none",
    )
    yield Fact(
        about="flow logs", planned=["ALL"], created=[one.traffic_type for one in created.flow_logs]
    )


def _let_through(endpoint: Endpoint) -> str:
    """Return the one account whose principals may do everything; else what the policy says."""
    statements = json.loads(endpoint.policy or "{}").get("Statement", [])
    everything = [one for one in statements if one["Action"] == "*"]
    accounts = {
        one.get("Condition", {}).get(operator, {}).get(key, "everybody")
        for one in everything
        for operator, key in (
            ("StringEquals", "aws:PrincipalAccount"),
            ("StringEqualsIfExists", "aws:ResourceAccount"),
        )
    }
    return ", ".join(sorted(accounts)) or "nothing said"


def image_facts(environment: Environment, created: "Created") -> Iterator[Fact]:
    """Yield the repositories of images, where the environment has its own."""
    if not isinstance(environment.images, Ecr):
        return
    own = f"{prefix(environment)}/"
    names = sorted({one.repository for one in copied(environment)})
    yield Fact(
        about="images: repositories, their tags immutable, scanned on push",
        planned=[(name, "IMMUTABLE", True) for name in names],
        created=[
            (one.name, one.tag_mutability, one.scanned_on_push)
            for one in created.repositories
            if one.name.startswith(own)
        ],
    )
