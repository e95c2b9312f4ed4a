"""The script that prepares a HyperPod instance, and the bucket SageMaker reads it from."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

PREFIX = "lifecycle/"
_PUBLISHES = (
    "s3:GetBucketLocation",
    "s3:GetEncryptionConfiguration",
    "s3:ListBucket",
    "s3:GetObject",
    "s3:PutObject",
    "s3:AbortMultipartUpload",
)
"""What the CDK CLI does to a bucket of assets. Source: aws-cdk bootstrap template,
FilePublishingRole."""
_SHORT = 8


def bucket_name(cluster_name: str, account: str, region: str) -> str:
    """Return the name of the bucket, the same in every synth: assets are published to it by name.

    Why it begins so: SageMaker takes scripts of HyperPod from `s3://sagemaker-...` only.

    Example:
        >>> bucket_name("disagg-pilot", "123456789012", "us-west-2")
        'sagemaker-disagg-pilot-cbd3ea17'
    """
    digest = hashlib.sha256(f"{account}/{region}/{cluster_name}".encode()).hexdigest()
    return f"sagemaker-{cluster_name}-{digest[:_SHORT]}"


def scripts_synthesizer(bucket: str, qualifier: str | None = None) -> cdk.DefaultStackSynthesizer:
    """Return the synthesizer of a stack whose assets go to the bucket of the scripts.

    The CLI publishes them before it deploys the stack, with no function or upload by hand; the
    stack's template goes there as well.
    """
    return cdk.DefaultStackSynthesizer(
        generate_bootstrap_version_rule=False,
        qualifier=qualifier,
        file_assets_bucket_name=bucket,
        bucket_prefix=PREFIX,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LifecycleBucketProps:
    """What the bucket is called."""

    name: str
    """As `bucket_name` returns it."""
    qualifier: str | None = None
    """Qualifier of the CDK bootstrap whose roles publish and deploy. Default: CDK's own."""


class LifecycleBucket(Construct):
    """A private bucket that the CDK CLI writes to and HyperPod reads.

    Encrypted with keys of S3: the CLI's roles have no right to a key of ours.

    *Creates*: one bucket with a policy.
    *Cost*: storage of some kilobytes.
    *Replaces on change of*: `name`.
    """

    bucket: s3.Bucket
    """The bucket."""

    def __init__(self, scope: Construct, construct_id: str, *, props: LifecycleBucketProps) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Resource",
            bucket_name=props.name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        of = cdk.DefaultStackSynthesizer
        qualifier = props.qualifier or of.DEFAULT_QUALIFIER
        for template, actions in (
            (of.DEFAULT_FILE_ASSET_PUBLISHING_ROLE_ARN, _PUBLISHES),
            # Why: CloudFormation reads the stack's template as this role.
            (of.DEFAULT_DEPLOY_ROLE_ARN, ("s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation")),
        ):
            role = cdk.Fn.sub(template.replace("${Qualifier}", qualifier))
            self.bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ArnPrincipal(role)],
                    actions=list(actions),
                    resources=[self.bucket.bucket_arn, self.bucket.arn_for_objects("*")],
                )
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class LifecycleScriptsProps:
    """Where the script is published."""

    bucket_name: str
    """A bucket that is there when the stack is deployed, and that its synthesizer publishes to."""


class LifecycleScripts(Construct):
    """The script an instance runs before it joins the cluster, as an asset of the stack.

    Its name is made of its content, so that a changed script changes the cluster.

    *Creates*: one asset.
    """

    source_s3_uri: str
    """Folder of the script."""
    on_create: str
    """Its file name there."""

    def __init__(
        self, scope: Construct, construct_id: str, *, props: LifecycleScriptsProps
    ) -> None:
        super().__init__(scope, construct_id)
        asset = s3_assets.Asset(self, "OnCreate", path=str(script()))
        self._arn = f"arn:{cdk.Stack.of(self).partition}:s3:::{props.bucket_name}"
        self.source_s3_uri = f"s3://{props.bucket_name}/{PREFIX.rstrip('/')}"
        self.on_create = f"{asset.asset_hash}.sh"

    def read_statements(self) -> list[iam.PolicyStatement]:
        """Return what lets a role read the scripts and nothing else of the bucket."""
        return [
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[self._arn],
                conditions={"StringLike": {"s3:prefix": [f"{PREFIX}*"]}},
            ),
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[f"{self._arn}/{PREFIX}*"]),
        ]


def script() -> Path:
    """Return the path of the script."""
    return Path(str(files("disagg_constructs") / "on_create.sh"))
