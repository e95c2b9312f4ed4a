"""Rules about what an organisation asks of everything made in its account: tags, boundary, names.

The form of a prefix and of a qualifier is a pattern of the file itself.
"""

import re
import unicodedata
from collections.abc import Iterator

from disagg.catalog.regions import REGIONS
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.config.environment import Aws, Cluster

MOST_TAGS = 40
"""Of the 50 that AWS allows on a resource; the rest are for `Name`, `disagg:`, Kubernetes and EKS.

Source: EC2 user guide "tag restrictions", read 2026-11-28.
"""
MOST_OF_A_BUCKET = 44
"""Characters of prefix, dash and name [count]: 63 less `sagemaker-`, a dash and eight digits."""
_LONGEST_KEY, _LONGEST_VALUE = 128, 256
_PUNCTUATION = frozenset("_.:/=+-@")
_OURS = re.compile(
    r"name$|(aws|disagg|eks|kubernetes\.io|k8s\.io)[:/]|[^/]+\.(kubernetes|k8s)\.io/", re.IGNORECASE
)
_KEY_ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):"
)
_POLICY_ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):iam::(?P<account>[0-9]{12}|aws):policy/[\w+=,.@/-]+"
)


@rule("DISAGG-OWN-001")
def tags_are_ones_every_service_takes(aws: Aws) -> Iterator[Finding]:
    """Each tag has a key of 1 to 128 and a value of 1 to 256 letters, digits, spaces and _.:/=+-@.

    Some services take more; one that takes less refuses when the stack is half built. Source: EC2
    user guide "tag restrictions"; the pattern of SSM's and IAM's Tag.
    """
    for key, value in aws.tags.items():
        for what, text, most in (
            ("key", key, _LONGEST_KEY),
            ("value", value, _LONGEST_VALUE),
        ):
            wrong = sorted({one for one in text if not _may_be_in_a_tag(one)})
            if not 1 <= len(text) <= most:
                got = f"a {what} of {len(text)} characters"
            elif wrong:
                got = f"{' '.join(map(repr, wrong))} in the {what}"
            else:
                continue
            yield Finding(
                at=("aws", "tags", key),
                got=got,
                need=f"1 to {most} letters, digits, spaces and _.:/=+-@",
                fix=f"change the {what}",
            )


def _may_be_in_a_tag(one: str) -> bool:
    """Tell whether AWS lets a character into a tag: a letter, a number, a space, and a few."""
    return one in _PUNCTUATION or unicodedata.category(one)[0] in "LNZ"


@rule("DISAGG-OWN-002")
def tags_of_others_are_left_alone(aws: Aws) -> Iterator[Finding]:
    """No tag takes the key of one that AWS, Kubernetes or this project writes, and no key is twice.

    `aws:` is refused by AWS; `Name`, `disagg:`, `eks:` and `kubernetes.io/` say what a resource is
    to controllers and to the bill. IAM takes `Team` and `team` for the same key and refuses the
    role. Source: IAM user guide "id_tags", case sensitivity.
    """
    seen: dict[str, str] = {}
    for key in aws.tags:
        if _OURS.match(key):
            yield Finding(
                at=("aws", "tags", key),
                got=f"key {key!r}",
                need="a key that neither AWS nor Kubernetes nor disagg writes itself",
                fix="choose another key",
            )
        elif key.lower() in seen:
            yield Finding(
                at=("aws", "tags", key),
                got=f"{key!r} beside {seen[key.lower()]!r}",
                need="keys that differ in more than case: IAM takes them for one",
                fix="remove one of them",
            )
        seen.setdefault(key.lower(), key)


@rule("DISAGG-OWN-003")
def tags_leave_room(aws: Aws) -> Iterator[Finding]:
    """There are at most 40 tags.

    AWS allows 50 on a resource. Subnets, nodes and volumes carry others beside these: `Name`,
    `disagg:`, those of EKS and of Kubernetes controllers. Source: EC2 user guide "tag
    restrictions".
    """
    if len(aws.tags) > MOST_TAGS:
        yield Finding(
            at=("aws", "tags"),
            got=f"{len(aws.tags)} tags",
            need=f"at most {MOST_TAGS}: AWS allows 50, and a node carries others too",
            fix="remove some",
        )


@rule("DISAGG-OWN-004")
def boundary_is_a_policy_that_can_bound_here(aws: Aws) -> Iterator[Finding]:
    """The permissions boundary is the ARN of a policy of this account, or one of AWS's own.

    IAM takes a managed policy of the role's own account or of AWS, in the partition of the region.
    Source: IAM user guide "access_policies_boundaries"; IAM API CreateRole.
    """
    arn, region = aws.permissions_boundary, REGIONS.get(aws.region)
    if arn is None or region is None:
        return
    example = f"arn:{region.partition}:iam::{aws.account}:policy/boundary"
    at = ("aws", "permissions_boundary")
    match = _POLICY_ARN.fullmatch(arn)
    if match is None:
        got = f"{arn!r} is no policy ARN"
        yield Finding(at=at, got=got, need=example, fix="give the whole ARN")
    elif match["partition"] != region.partition:
        need = f"{region.partition!r}, the partition of {aws.region}"
        got = f"partition {match['partition']!r}"
        yield Finding(at=at, got=got, need=need, fix=f"use an ARN such as {example}")
    elif match["account"] not in {aws.account, "aws"}:
        yield Finding(
            at=at,
            got=f"a policy of account {match['account']}",
            need=f"one of account {aws.account}, or of AWS",
            fix="make the policy in the account of the roles",
        )


@rule("DISAGG-OWN-005")
def prefix_may_begin_a_parameter(aws: Aws) -> Iterator[Finding]:
    """The prefix of names does not begin with `aws` or `ssm`.

    Parameters are under `/<prefix>/`, and Systems Manager keeps such names for AWS. Source:
    Systems Manager user guide "requirements and constraints for parameter names".
    """
    prefix = aws.name_prefix or ""
    if prefix.lower().startswith(("aws", "ssm")):
        yield Finding(
            at=("aws", "name_prefix"),
            got=f"got {prefix!r}",
            need="one that begins with neither aws nor ssm",
            fix=f"for instance {prefix[3:].lstrip('-').lower() or 'acme'}",
        )


@rule("DISAGG-OWN-017")
def prefix_may_name_a_bucket(aws: Aws, cluster: Cluster, name: str) -> Iterator[Finding]:
    """On HyperPod prefix and name are lower case, and at most 44 characters with the dash.

    The bucket of its lifecycle scripts is `sagemaker-<prefix>-<name>-` and eight digits, and S3
    takes 63 lower-case characters. Source: S3 user guide "bucketnamingrules".
    """
    prefix = aws.name_prefix
    if prefix is None or cluster.platform != "hyperpod":
        return
    whole = f"{prefix}-{name}"
    if whole != whole.lower() or len(whole) > MOST_OF_A_BUCKET:
        yield Finding(
            at=("aws", "name_prefix"),
            got=f"{whole!r} for a bucket of lifecycle scripts",
            need=f"lower case, at most {MOST_OF_A_BUCKET} characters",
            fix=f"use {prefix.lower()}" if len(whole) <= MOST_OF_A_BUCKET else "shorten it",
        )


@rule("DISAGG-OWN-018")
def key_is_of_account_and_region(aws: Aws) -> Iterator[Finding]:
    """Your KMS key is in the account, region and partition of the environment.

    Logs and S3 take no key of another region, and one of another account only when its policy says
    so, which nothing here can see. Source: CloudWatch Logs user guide "encrypt-log-data-kms"; S3
    user guide "UsingKMSEncryption".
    """
    region = REGIONS.get(aws.region)
    match = _KEY_ARN.match(aws.kms_key_arn or "")
    if match is None or region is None:
        return
    got = (match["partition"], match["region"], match["account"])
    need = (region.partition, aws.region, aws.account)
    if got != need:
        yield Finding(
            at=("aws", "kms_key_arn"),
            got=f"a key of account {got[2]} in {got[1]}, partition {got[0]}",
            need=f"one of {need[2]} in {need[1]}, partition {need[0]}",
            fix=f"make one: aws kms create-key --region {aws.region}",
        )


@rule("DISAGG-OWN-020")
def roles_are_of_the_account_and_used(
    aws: Aws, cluster: Cluster, capacity: Capacity
) -> Iterator[Finding]:
    """Roles of yours are in account and partition, and of what is made here.

    EKS and SageMaker take a role of their own account only. A role of the control plane beside an
    existing cluster, of EKS nodes on HyperPod, or of HyperPod on EKS would be a setting silently
    lost. Source: EKS user guide "cluster-iam-role", "create-node-role"; IAM user guide
    "id_roles_use_passrole".
    """
    region, hyperpod = REGIONS.get(aws.region), cluster.platform == "hyperpod"
    unused = {
        "cluster": cluster.existing is not None and "an existing cluster",
        "nodes": (hyperpod and "nodes that are all HyperPod's")
        or (capacity.provisioner == "karpenter" and "GPU nodes that are Karpenter's"),
        "hyperpod": not hyperpod and "no HyperPod",
    }
    for key, why in unused.items():
        arn = getattr(aws.roles, key)
        if arn is None or region is None:
            continue
        at = ("aws", "roles", key)
        _, partition, _, _, account, _ = arn.split(":", 5)
        if why:
            yield Finding(at=at, got=f"a role, and {why}", need="no role", fix="leave it out")
        elif (partition, account) != (region.partition, aws.account):
            yield Finding(
                at=at,
                got=f"a role of account {account}, partition {partition}",
                need=f"one of account {aws.account}, partition {region.partition}",
                fix="make the role there",
            )
