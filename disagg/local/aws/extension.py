"""Everything this project adds to moto, as one table, and `install()`.

A type that is in no table here and not in moto fails the deployment with its name
(`disagg.local.aws.strict`). So a new resource in a stack needs a row here; a type that nothing
reads back needs no more than its name in `RECORDED`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from moto.s3.models import s3_backends

from disagg.local.aws import (
    ec2,
    eks,
    eks_api,
    eks_capabilities,
    fsx,
    iam,
    queues,
    sagemaker,
    schedules,
    storage,
    strict,
)
from disagg.local.aws.cloudformation import (
    Call,
    Correction,
    Created,
    Properties,
    ResourceType,
    register,
)

RECORDED: Mapping[str, str] = {
    "AWS::CDK::Metadata": "",
    "AWS::APS::RuleGroupsNamespace": "Arn",
    "AWS::Budgets::Budget": "",
    "AWS::CloudWatch::Alarm": "Arn",
    "AWS::EC2::CapacityReservation": "Id",
    "AWS::ECR::PullThroughCacheRule": "",
    "AWS::SNS::TopicPolicy": "Id",
}
"""Types that are only kept in their stack, with the one attribute each has, if any."""


def _recorded(name: str, attribute: str) -> ResourceType:
    """Return a type that exists only in its stack."""
    service = name.split("::")[1].lower()

    def create(call: Call) -> Created:
        value = call.arn(service, call.name) if attribute == "Arn" else call.name
        return Created(physical_id=value, attributes={attribute: value} if attribute else {})

    return ResourceType(
        name=name, attributes=(attribute,) if attribute else (), create=create, update=create
    )


def _put_bucket_policy(call: Call) -> Created:
    """Check that the bucket is there, and record the policy."""
    bucket = s3_backends[call.account][call.partition].get_bucket(call.properties["Bucket"])
    # Why: not given to moto, which enforces a policy without reading its conditions: "deny when
    # not TLS" would shut the bucket to everyone.
    return Created(physical_id=bucket.name)


def _complete_parameter(call: Call) -> Properties:
    """Give the parameter a name, as CloudFormation does, and its tags in the form moto expects."""
    tags = call.properties.get("Tags", {})
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {"Name": call.name, **call.properties, "Tags": listed}


def _kms_tags(call: Call) -> Properties:
    """Write the tags of a key as the KMS API does, which moto expects in a template too."""
    tags = [
        {"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in call.properties.get("Tags", [])
    ]
    return {**call.properties, "Tags": tags}


def _repository_words(call: Call) -> Properties:
    """Write scanning and encryption of a repository as the ECR API does, which moto keeps as is."""
    scanning = call.properties.get("ImageScanningConfiguration", {})
    encryption = call.properties.get("EncryptionConfiguration", {})
    words = {"EncryptionType": "encryptionType", "KmsKey": "kmsKey"}
    return {
        **call.properties,
        "ImageScanningConfiguration": {"scanOnPush": scanning.get("ScanOnPush", False)},
        "EncryptionConfiguration": {words[key]: value for key, value in encryption.items()} or None,
    }


def _encrypt_log_group(call: Call, group: Any) -> None:
    group.kms_key_id = call.properties.get("KmsKeyId")


TYPES = (
    *ec2.TYPES,
    *eks.TYPES,
    *sagemaker.TYPES,
    *eks_capabilities.TYPES,
    *queues.TYPES,
    *fsx.TYPES,
    *schedules.TYPES,
    ResourceType(
        name="AWS::S3::BucketPolicy",
        create=_put_bucket_policy,
        update=_put_bucket_policy,
    ),
    *(_recorded(name, attribute) for name, attribute in RECORDED.items()),
)

CORRECTIONS = (
    *ec2.CORRECTIONS,
    *iam.CORRECTIONS,
    *storage.CORRECTIONS,
    Correction(name="AWS::SSM::Parameter", before=_complete_parameter),
    Correction(name="AWS::Logs::LogGroup", after=_encrypt_log_group),
    Correction(name="AWS::ECR::Repository", before=_repository_words),
    Correction(name="AWS::KMS::Key", attributes={"KeyId": lambda key: key.id}, before=_kms_tags),
)


@cache
def install() -> None:
    """Teach this process's moto everything above, for its server and for `mock_aws` alike."""
    register(TYPES, CORRECTIONS)
    strict.make_strict()
    ec2.add_operations()
    eks_api.add_operations()
    eks_capabilities.add_operations()
    fsx.add_operations()
