"""Who reaches the API server and how, as it was created, against what the environment plans."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from disagg.config.environment import Environment
from disagg.local.facts import Fact

if TYPE_CHECKING:
    from disagg.local.compare import Created

_HTTPS = 443


def access_facts(environment: Environment, created: "Created") -> Iterator[Fact]:
    """Yield who is let in, from where, and in which ranges; of a cluster that is made here."""
    cluster, wanted = created.cluster, environment.cluster
    yield Fact(
        about="cluster: authentication, its maker an administrator",
        planned=("API", False),
        created=(cluster.authentication_mode, cluster.creator_is_administrator),
    )
    yield Fact(
        about="cluster: range of services",
        planned=wanted.service_cidr,
        created=cluster.service_cidr,
    )
    group = created.security_groups.get(cluster.cluster_security_group_id)
    yield Fact(
        about="cluster: ranges of clients",
        planned=sorted(wanted.client_cidrs),
        created=sorted(
            one.peer
            for one in (group.ingress if group else ())
            if "/" in one.peer and one.from_port == one.to_port == _HTTPS
        ),
    )


def endpoint_facts(created: "Created") -> Iterator[Fact]:
    """Yield whether calls to AWS find the endpoints of a VPC that is made here."""
    yield Fact(
        about="endpoints: those that names do not lead to",
        planned=[],
        created=[
            one.service
            for one in created.endpoints
            if not (one.private_dns if one.type == "Interface" else one.route_table_ids)
        ],
    )
