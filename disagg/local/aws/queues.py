"""Policies of SQS queues, which moto keeps but does not take from a template."""

import json
from typing import Any

from moto.sqs.models import sqs_backends

from disagg.local.aws.cloudformation import Call, Created, ResourceType


def _backend(call: Call) -> Any:
    return sqs_backends[call.account][call.region]


def _names(call: Call) -> list[str]:
    return [str(url).rpartition("/")[2] for url in call.properties["Queues"]]


def _put(call: Call) -> Created:
    policy = json.dumps(call.properties["PolicyDocument"])
    for name in _names(call):
        # Why: an unknown queue is refused here, as AWS refuses it.
        _backend(call).set_queue_attributes(name, {"Policy": policy})
    return Created(physical_id=call.name, attributes={"Id": call.name})


def _drop(call: Call) -> None:
    for name in _names(call):
        # Why: a stack that goes may have deleted the queue before.
        if name in _backend(call).queues:
            _backend(call).set_queue_attributes(name, {"Policy": ""})


TYPES = (
    ResourceType(
        name="AWS::SQS::QueuePolicy",
        attributes=("Id",),
        create=_put,
        update=_put,
        delete=_drop,
    ),
)
