"""Schedules of EventBridge, read with boto3 and returned as plain typed data."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A schedule of EventBridge."""

    expression: str
    """Such as `at(2027-03-01T09:50:00)`."""
    zone: str
    target_arn: str
    text: str
    """What is sent."""


def read_schedules(scheduler: Any) -> tuple[Schedule, ...]:
    """Return every schedule of the account and region, by name."""
    pages = scheduler.get_paginator("list_schedules").paginate()
    found = [one for page in pages for one in page["Schedules"]]
    whole = [
        scheduler.get_schedule(Name=one["Name"], GroupName=one["GroupName"])
        for one in sorted(found, key=lambda one: str(one["Name"]))
    ]
    return tuple(
        Schedule(
            expression=one["ScheduleExpression"],
            zone=one.get("ScheduleExpressionTimezone", ""),
            target_arn=one["Target"]["Arn"],
            text=one["Target"].get("Input", ""),
        )
        for one in whole
    )
