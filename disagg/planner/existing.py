"""What an environment uses and does not make, in words."""

from dataclasses import dataclass

from disagg.catalog.resources import LABEL_NODE_ROLE, SYSTEM_NODES
from disagg.config.environment import Environment
from disagg.planner.endpoints import GATEWAY_ENDPOINTS, interface_endpoints
from disagg.planner.weights import file_system_of

_LUSTRE = "; TCP 988 and 1018 to 1023 from the file system's group"
"""Source: FSx for Lustre user guide, limit-access-security-groups: rules of clients."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Existing:
    """One thing that is there before, and stays as it is."""

    what: str
    ids: tuple[str, ...]
    needs: str
    """What it must have for the environment to work; nothing here checks it."""

    def __str__(self) -> str:
        """Return the line a person reads."""
        return f"{self.what} {', '.join(self.ids)}: {self.needs}"


def _cluster(environment: Environment) -> tuple[Existing, ...]:
    cluster = environment.cluster.existing
    if cluster is None:
        return ()
    label = f"{LABEL_NODE_ROLE}: {SYSTEM_NODES}"
    return (
        Existing(
            what="cluster",
            ids=(cluster.name,),
            needs=f"Kubernetes {environment.cluster.kubernetes_version} or the next; network"
            " policies and few warm addresses in its VPC CNI, whose permissions are not the"
            " nodes'; the AWS Load Balancer Controller;"
            f" {environment.cluster.system_nodes} nodes labelled {label}",
        ),
        Existing(
            what="cluster security group",
            ids=(cluster.security_group_id,),
            needs="everything from itself; what its nodes need to registries and AWS"
            + (_LUSTRE if file_system_of(environment) else ""),
        ),
    )


def _way(environment: Environment) -> str:
    """Return what its private subnets must reach."""
    if not environment.closed:
        return "a way from its private subnets to AWS services, image registries and model weights"
    reached = ", ".join((*interface_endpoints(environment), *GATEWAY_ENDPOINTS))
    return f"endpoints of {reached}, with private DNS; no way to the internet is asked for"


def existing(environment: Environment) -> tuple[Existing, ...]:
    """Return what is used and not made; empty where everything is made."""
    network = environment.network.existing
    if network is None:
        return ()
    return (
        *_cluster(environment),
        Existing(
            what="VPC",
            ids=(network.vpc_id,),
            needs=f"DNS host names and DNS support on; {_way(environment)}",
        ),
        Existing(
            what="fabric subnet",
            ids=(network.fabric_subnet.id,),
            needs="no public addresses",
        ),
        Existing(
            what="system subnets",
            ids=tuple(one.id for one in network.system_subnets),
            needs="no public addresses; the tag kubernetes.io/role/internal-elb",
        ),
    )
