"""What Karpenter finds in an account, read with boto3 and returned as plain typed data."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from disagg.catalog.karpenter import KARPENTER_SERVICE_ACCOUNT
from disagg.local.aws.readback import PodIdentity
from disagg.local.aws.readback_storage import read_permissions


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """An SQS queue."""

    name: str
    arn: str
    encrypted: bool
    seconds: int
    """How long it keeps a message [s]."""
    senders: tuple[str, ...]
    """Services that its policy lets send."""
    events: tuple[tuple[str, str], ...]
    """Source and type of the events that rules of EventBridge send to it, sorted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Karpenter:
    """The AWS side of Karpenter."""

    queues: tuple[Queue, ...]
    instance_profiles: Mapping[str, tuple[str, ...]]
    """ARNs of the roles of every instance profile of the account, by its name."""
    passes_on: tuple[str, ...]
    """Roles that the controller may give to instances."""


def find_karpenter(client: Any, identities: Iterable[PodIdentity]) -> Karpenter | None:
    """Return what is there for Karpenter, None where no role is bound to it.

    Args:
        client: Makes a client of a service, by its name.
        identities: The Pod Identity associations of the cluster.
    """
    roles = [one.role_arn for one in identities if one.service_account == KARPENTER_SERVICE_ACCOUNT]
    if not roles:
        return None
    sqs, iam = client("sqs"), client("iam")
    rules = _rules(client("events"))
    urls = sqs.list_queues().get("QueueUrls", [])
    pages = iam.get_paginator("list_instance_profiles").paginate()
    return Karpenter(
        queues=tuple(_queue(sqs, url, rules) for url in sorted(urls)),
        instance_profiles={
            one["InstanceProfileName"]: tuple(role["Arn"] for role in one["Roles"])
            for page in pages
            for one in page["InstanceProfiles"]
        },
        passes_on=tuple(
            resource
            for action, resource in read_permissions(iam, roles[0])
            if action == "iam:PassRole"
        ),
    )


def _rules(events: Any) -> list[tuple[str, tuple[str, str]]]:
    """Return the target of every rule with each source and type of event it matches."""
    found = []
    for page in events.get_paginator("list_rules").paginate():
        for rule in page["Rules"]:
            pattern = json.loads(rule.get("EventPattern", "{}"))
            targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            found += [
                (target["Arn"], (source, kind))
                for target in targets
                for source in pattern.get("source", [])
                for kind in pattern.get("detail-type", [])
            ]
    return found


def _queue(sqs: Any, url: str, rules: list[tuple[str, tuple[str, str]]]) -> Queue:
    given = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    arn = given["QueueArn"]
    policy = json.loads(given.get("Policy") or "{}")
    return Queue(
        name=arn.rpartition(":")[2],
        arn=arn,
        encrypted=given.get("SqsManagedSseEnabled") == "true",
        seconds=int(given["MessageRetentionPeriod"]),
        senders=tuple(
            sorted(
                {
                    one["Principal"]["Service"]
                    for one in policy.get("Statement", [])
                    if one["Effect"] == "Allow" and "sqs:SendMessage" in one["Action"]
                }
            )
        ),
        events=tuple(sorted(event for target, event in rules if target == arn)),
    )
