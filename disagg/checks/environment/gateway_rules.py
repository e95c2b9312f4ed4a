"""Rules about what takes clients' requests."""

from collections.abc import Iterator

from disagg.catalog.gateways import GATEWAYS
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Aws, Cluster
from disagg.config.serving import Serving
from disagg.errors import Severity

_AT = ("serving", "gateway")


@rule("DISAGG-GTW-001")
def the_gateway_is_one_that_was_shown_safe(serving: Serving) -> Iterator[Finding]:
    """The gateway is one whose source shows that nobody gets past the endpoint picker.

    Routing headers of clients must go before the picker is asked, those of the picker must reach
    the pod, and a request must be refused while the picker is away. docs/gateways.md says what was
    found for each kind, and where.
    """
    row = GATEWAYS[serving.gateway.kind]
    if row.refused:
        offered = sorted(one.name for one in GATEWAYS.values() if not one.refused)
        yield Finding(
            at=(*_AT, "kind"),
            got=f"{row.name}: {row.refused}",
            need=f"one of {', '.join(offered)}",
            fix="choose istio or agentgateway, or leave it out: standalone needs no controller",
        )


@rule("DISAGG-GTW-002")
def replicas_belong_to_a_gateway(serving: Serving) -> Iterator[Finding]:
    """`replicas` stands beside a kind that has pods of its own.

    The standalone proxy is in the picker's pod, and of that there is one: it counts requests in
    flight in its own memory.
    """
    gateway = serving.gateway
    row = GATEWAYS[gateway.kind]
    if gateway.replicas is not None and not (row.class_name or row.refused):
        yield Finding(
            at=(*_AT, "replicas"),
            got=f"{gateway.replicas} pods of {gateway.kind}",
            need="no replicas, or a kind with pods of its own",
            fix="leave it out, or choose istio or agentgateway",
        )


@rule("DISAGG-GTW-003")
def the_certificate_is_in_the_account_and_region(serving: Serving, aws: Aws) -> Iterator[Finding]:
    """The certificate is in the region and account of the environment.

    A load balancer takes no other. Source: Network Load Balancer guide, "Server certificates".
    """
    arn = serving.gateway.certificate_arn
    if arn is not None:
        region, account = arn.split(":")[3:5]
        if (region, account) != (aws.region, aws.account):
            yield Finding(
                at=(*_AT, "certificate_arn"),
                got=f"a certificate of account {account} in {region}",
                need=f"one of {aws.account} in {aws.region}",
                fix="request or import one there: aws acm request-certificate",
            )


@rule("DISAGG-GTW-004", severity=Severity.WARNING)
def a_cluster_of_others_may_have_a_gateway(serving: Serving, cluster: Cluster) -> Iterator[Finding]:
    """In a cluster of others it is looked whether custom kinds and controller are there already.

    Two of one controller fight over the same objects, and older custom kinds of the Gateway API are
    replaced for everybody in the cluster.
    """
    row = GATEWAYS[serving.gateway.kind]
    if cluster.existing is not None and row.class_name:
        yield Finding(
            at=(*_AT, "kind"),
            got=f"{row.name} in a cluster of others",
            need="no other controller of that class, and no newer custom kinds",
            fix="look first: kubectl get gatewayclasses,crds; leave out of the helmfile what is"
            " there",
        )
