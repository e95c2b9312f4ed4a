"""Policies of SQS queues, which moto keeps but does not take from a template."""

import json
from typing import Any

from moto.sqs.models import sqs_backends

from disagg.local.aws.cloudformation import Call, Created, ResourceType


def _set(call: Call, policy: Any) -> None:
    backend = sqs_backends[call.account][call.region]
    for url in call.properties["Queues"]:
        # Why: an unknown queue is refused here, as AWS refuses it.
        backend.set_queue_attributes(str(url).rpartition("/")[2], {"Policy": policy})


def _put(call: Call) -> Created:
    _set(call, json.dumps(call.properties["PolicyDocument"]))
    return Created(physical_id=call.name, attributes={"Id": call.name})


TYPES = (
    ResourceType(
        name="AWS::SQS::QueuePolicy",
        attributes=("Id",),
        create=_put,
        update=_put,
        delete=lambda call: _set(call, ""),
    ),
)
