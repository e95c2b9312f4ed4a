"""Messages before Capacity Blocks end: at the minute, to an encrypted topic, by one role."""

from datetime import UTC, datetime

import aws_cdk as cdk

from disagg_constructs import BlockEnd, BlockEndProps
from tests.stacks.synthesis import Template, context, of_type, only, template_of

AT = datetime(2027, 3, 1, 9, 50, tzinfo=UTC)


def synthesize() -> Template:
    stack = cdk.Stack(cdk.App(context=context()), "Theirs")
    messages = (("cr-0123456789abcdef0", AT, "drain now"), ("cr-00000000", AT, "and this"))
    BlockEnd(stack, "End", props=BlockEndProps(messages=messages))
    return template_of(stack)


def test_each_block_has_a_schedule_at_its_minute_in_utc() -> None:
    found = list(of_type(synthesize(), "AWS::Scheduler::Schedule").values())
    assert [one["ScheduleExpression"] for one in found] == ["at(2027-03-01T09:50:00)"] * 2
    assert {one["ScheduleExpressionTimezone"] for one in found} == {"UTC"}
    assert {one["FlexibleTimeWindow"]["Mode"] for one in found} == {"OFF"}
    assert sorted(one["Target"]["Input"] for one in found) == ["and this", "drain now"]


def test_the_role_publishes_to_the_topic_and_uses_its_key_and_nothing_else() -> None:
    template = synthesize()
    policy = only(template, "AWS::IAM::Policy")["PolicyDocument"]["Statement"]
    (topic,) = of_type(template, "AWS::SNS::Topic")
    (key,) = of_type(template, "AWS::KMS::Key")
    assert [(one["Action"], one["Resource"]) for one in policy] == [
        ("sns:Publish", {"Ref": topic}),
        (["kms:Decrypt", "kms:GenerateDataKey"], {"Fn::GetAtt": [key, "Arn"]}),
    ]
    trust = only(template, "AWS::IAM::Role")["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_topic_is_encrypted_and_refuses_plain_http() -> None:
    template = synthesize()
    assert only(template, "AWS::SNS::Topic")["KmsMasterKeyId"]
    (statement,) = only(template, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
