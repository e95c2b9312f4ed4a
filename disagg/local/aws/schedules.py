"""EventBridge schedules, which moto keeps but does not take from a template."""

from typing import Any

from moto.scheduler.models import scheduler_backends

from disagg.local.aws.cloudformation import Call, Created, ResourceType

_FIELDS = {
    "Description": "description",
    "EndDate": "end_date",
    "FlexibleTimeWindow": "flexible_time_window",
    "GroupName": "group_name",
    "KmsKeyArn": "kms_key_arn",
    "ScheduleExpression": "schedule_expression",
    "ScheduleExpressionTimezone": "schedule_expression_timezone",
    "StartDate": "start_date",
    "State": "state",
    "Target": "target",
}


def _backend(call: Call) -> Any:
    return scheduler_backends[call.account][call.region]


def _name(call: Call) -> str:
    return str(call.properties.get("Name") or call.name)


def _values(call: Call) -> dict[str, Any]:
    return {target: call.properties.get(source) for source, target in _FIELDS.items()}


def _put(call: Call) -> Created:
    made = _backend(call).create_schedule(
        name=_name(call), action_after_completion=None, **_values(call)
    )
    return Created(physical_id=made.name, attributes={"Arn": made.arn})


def _change(call: Call) -> Created:
    made = _backend(call).update_schedule(name=_name(call), **_values(call))
    return Created(physical_id=made.name, attributes={"Arn": made.arn})


def _drop(call: Call) -> None:
    _backend(call).delete_schedule(call.properties.get("GroupName"), _name(call))


TYPES = (
    ResourceType(
        name="AWS::Scheduler::Schedule",
        attributes=("Arn",),
        create=_put,
        update=_change,
        delete=_drop,
    ),
)
