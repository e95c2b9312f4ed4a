"""Rules about a network without internet, and about images that are brought into an account."""

from collections.abc import Iterator

from disagg.catalog.gateways import GATEWAYS
from disagg.catalog.regions import REGIONS
from disagg.catalog.registries import (
    CACHE_SECRET_PREFIX,
    LONGEST_CACHE_PREFIX,
    NO_PULL_THROUGH,
    PULL_THROUGH,
)
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.config.environment import Aws, Cluster, Network
from disagg.config.images import Ecr, ImageSource, Upstream
from disagg.config.serving import Serving
from disagg.config.weights import Fsx, HuggingFace


@rule("DISAGG-NET-008")
def weights_are_in_reach(network: Network, serving: Serving) -> Iterator[Finding]:
    """Without internet, pods read the model from a bucket.

    Hugging Face is not reached from such a network; every pod would wait for it until it is
    restarted, on nodes that cost money. The bucket is filled from outside: `dist/<name>/runbooks`
    says how.
    """
    if network.internet == "none" and isinstance(serving.weights, HuggingFace):
        yield Finding(
            at=("serving", "weights", "kind"),
            got="weights from Hugging Face, and no internet",
            need="kind: s3, and a revision",
            fix="serving.weights: {kind: s3, revision: <a commit of the model>}",
        )


@rule("DISAGG-NET-014")
def images_of_the_file_system_are_known(images: ImageSource, serving: Serving) -> Iterator[Finding]:
    """Where images are brought in, servers stream the model from the bucket.

    The images of the file system's driver are not among those listed for it (`chart_images.py`),
    so its pods would pull from a registry that a closed network does not reach. Servers behind a
    file system have no credentials either for the vocabulary file that the engine else takes from
    the internet.
    """
    if not isinstance(images, Upstream) and isinstance(serving.weights, Fsx):
        yield Finding(
            at=("serving", "weights", "kind"),
            got=f"weights on a file system, and images.kind {images.kind}",
            need="kind: s3, or images.kind: upstream",
            fix="serving.weights: {kind: s3, revision: <a commit of the model>}",
        )


@rule("DISAGG-NET-015")
def images_of_the_gateway_are_known(images: ImageSource, serving: Serving) -> Iterator[Finding]:
    """Where images are brought in, the proxy stands beside the picker.

    The images of a Gateway's controller and proxies are not listed for that (`chart_images.py`),
    and its custom kinds are kustomizations in Git repositories of others.
    """
    kind = serving.gateway.kind
    if not isinstance(images, Upstream) and GATEWAYS[kind].class_name:
        yield Finding(
            at=("serving", "gateway", "kind"),
            got=f"a Gateway of {kind}, and images.kind {images.kind}",
            need="kind: standalone, or images.kind: upstream",
            fix="leave it out",
        )


@rule("DISAGG-NET-009")
def images_are_in_reach(network: Network, images: ImageSource) -> Iterator[Finding]:
    """Without internet, nodes pull images from ECR or from a registry of yours.

    ghcr.io, docker.io, public.ecr.aws, registry.k8s.io, quay.io and nvcr.io have no endpoint in a
    VPC. ECR has.
    """
    if network.internet == "none" and isinstance(images, Upstream):
        yield Finding(
            at=("images", "kind"),
            got="images from where they are published, and no internet",
            need="images.kind ecr or mirror",
            fix="images: {kind: ecr}",
        )


@rule("DISAGG-NET-013")
def karpenter_has_a_way_out(network: Network, capacity: Capacity) -> Iterator[Finding]:
    """Without internet, node groups make the nodes.

    Karpenter asks AWS's price list, and IAM for instance profiles; neither has an endpoint in most
    regions, and its mode for such networks is not tried here. Source: Karpenter documentation,
    "Private clusters".
    """
    if network.internet == "none" and capacity.provisioner == "karpenter":
        yield Finding(
            at=("capacity", "provisioner"),
            got="Karpenter, and no internet",
            need="provisioner: managed_node_groups",
            fix="leave it out",
        )


@rule("DISAGG-NET-010")
def vpcs_of_others_are_not_changed(network: Network) -> Iterator[Finding]:
    """Encryption controls are for a VPC that is made here.

    They decide over everything in a VPC, and one of others is used as it is.
    """
    if network.existing is not None and network.encryption != "none":
        yield Finding(
            at=("network", "encryption"),
            got=f"{network.encryption}, in a VPC of others",
            need="none",
            fix="leave it out, and ask its owner for encryption controls",
        )


@rule("DISAGG-NET-011")
def cache_rules_can_be_made(
    images: ImageSource, aws: Aws, name: str, cluster: Cluster
) -> Iterator[Finding]:
    """Pull through cache rules have a region that knows them, and prefixes of 30 characters.

    ECR has none of them in China and GovCloud. A rule has a prefix for each registry, `<prefix>/`
    and the registry's host. Source: disagg.catalog.registries.
    """
    region = REGIONS.get(aws.region)
    if not isinstance(images, Ecr) or not images.pull_through or region is None:
        return
    if region.partition in NO_PULL_THROUGH:
        yield Finding(
            at=("images", "pull_through"),
            got=f"pull through in {aws.region}",
            need="false: ECR has no such rules there",
            fix="leave it out, and copy the images",
        )
    prefix = images.prefix or f"{aws.name_prefix or 'disagg'}-{name}"
    longest = max((f"{prefix}/{host}" for host in PULL_THROUGH), key=len)
    if cluster.existing is None and len(longest) > LONGEST_CACHE_PREFIX:
        most = LONGEST_CACHE_PREFIX - max(map(len, PULL_THROUGH)) - 1
        yield Finding(
            at=("images", "prefix") if images.prefix else ("images", "pull_through"),
            got=f"{longest!r}, {len(longest)} characters",
            need=f"at most {LONGEST_CACHE_PREFIX}",
            fix=f"give images.prefix of at most {most} characters",
        )


@rule("DISAGG-NET-012")
def cache_secrets_are_ones_ecr_reads(images: ImageSource, aws: Aws) -> Iterator[Finding]:
    """Secrets of registries are in account and region, and begin with `ecr-pullthroughcache/`.

    ECR reads no other. Without `pull_through` they would be a setting silently lost. Source:
    disagg.catalog.registries.
    """
    if not isinstance(images, Ecr):
        return
    for key in ("github", "docker_hub"):
        arn = getattr(images.credentials, key)
        if arn is None:
            continue
        at = ("images", "credentials", key)
        *_, region, account, _, secret = arn.split(":", 6)
        if not images.pull_through:
            yield Finding(
                at=at,
                got="a secret, and no pull_through",
                need="images.pull_through: true, or no secret",
                fix="leave one of the two out",
            )
        elif (region, account) != (aws.region, aws.account):
            yield Finding(
                at=at,
                got=f"a secret of account {account} in {region}",
                need=f"one of {aws.account} in {aws.region}",
                fix="make it there",
            )
        elif not secret.startswith(CACHE_SECRET_PREFIX):
            yield Finding(
                at=at,
                got=f"a secret named {secret!r}",
                need=f"a name that begins with {CACHE_SECRET_PREFIX}",
                fix="make another: ECR reads no secret of another name",
            )
