"""What GitOps finds, as it was created, against what the environment plans."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from disagg.catalog.chart import ARGOCD
from disagg.catalog.iam_load_balancer import LOAD_BALANCER_SERVICE_ACCOUNT
from disagg.config.delivery import ArgoCdCapability
from disagg.config.environment import Environment
from disagg.local.facts import Fact

if TYPE_CHECKING:
    from disagg.local.compare import Created


def delivery_facts(environment: Environment, created: "Created") -> Iterator[Fact]:
    """Yield what was planned of GitOps; nothing when the file says nothing of it."""
    plan = environment.delivery
    if plan is None:
        return
    wanted, made = plan.argocd_capability, {one.type: one for one in created.capabilities}
    argocd = made.get("ARGOCD")
    balancer = [
        one.role_arn
        for one in created.pod_identities
        if one.service_account == LOAD_BALANCER_SERVICE_ACCOUNT
    ]
    known = {
        "cluster-name": environment.cluster_name,
        "cluster-arn": created.cluster.arn,
        "region": environment.aws.region,
        "vpc-id": created.cluster.vpc_id,
        "load-balancer-controller-role-arn": balancer[0] if balancer else "",
    }
    if wanted and argocd:
        known |= {"argocd-role-arn": argocd.role_arn, "argocd-server-url": argocd.server_url}
    path = f"{environment.parameter_path}/delivery/"
    yield Fact(
        about="delivery: parameters",
        planned=known,
        created={
            name.removeprefix(path): value
            for name, value in created.parameters.items()
            if name.startswith(path)
        },
    )
    yield Fact(
        about="delivery: Argo CD of AWS",
        planned=_argocd(environment.aws.region, wanted) if wanted else None,
        created=(
            argocd.namespace,
            argocd.identity_center,
            argocd.administrators,
            argocd.vpc_endpoint_ids,
        )
        if argocd
        else None,
    )


def _argocd(region: str, wanted: ArgoCdCapability) -> tuple[Any, ...]:
    groups = [("SSO_GROUP", one) for one in wanted.admin_groups]
    users = [("SSO_USER", one) for one in wanted.admin_users]
    center = (wanted.identity_center_arn, wanted.identity_center_region or region)
    return (ARGOCD, center, tuple(sorted((*groups, *users))), wanted.vpc_endpoint_ids)
