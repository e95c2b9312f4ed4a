"""A bucket for model weights: one identity writes it, another reads it, nobody else does."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from disagg_constructs.encryption import rotating_key

_TLS = 1.2


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelStoreProps:
    """What the bucket is called, and how long what was replaced is kept."""

    bucket_name: str
    """Fixed name: manifests hold it, and a generated one is known to CloudFormation only."""
    prefix: str = "models"
    """Where in the bucket the models lie."""
    key: kms.IKey | None = None
    """Encrypts every object. Default: a new key that rotates."""
    keep_old_versions_days: int = 30
    """Days after which an object that was overwritten or deleted is gone for good."""
    file_systems: bool = False
    """Whether file systems of the account may read it through FSx for Lustre. Default: no."""
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    """What becomes of the bucket and its key with the stack. Default: they go when the first
    deployment fails, and stay afterwards."""


class ModelStore(Construct):
    """An encrypted, versioned bucket that refuses everything but TLS and its own account.

    There is no server access log: it would be a second bucket for requests of two roles, of which
    one only reads public weights. Who wants to see them has CloudTrail data events for one bucket.

    *Creates*: bucket, bucket policy, KMS key.
    *Cost*: storage (65 GB of gpt-oss-120b: about 1.50 USD a month), 1 USD a month for the key.
    *Replaces on change of*: `bucket_name`; the old bucket stays.

    Source: S3 user guide, "Security best practices"; AWS Foundational Security Best Practices S3.1,
        S3.5, S3.8, S3.12, S3.13, S3.17.
    """

    bucket: s3.IBucket
    """The bucket."""
    key: kms.IKey
    """Encrypts every object."""

    def __init__(self, scope: Construct, construct_id: str, *, props: ModelStoreProps) -> None:
        super().__init__(scope, construct_id)
        self.key = props.key or rotating_key(
            self,
            "Key",
            description=f"Model weights in {props.bucket_name}",
            removal_policy=props.removal_policy,
        )
        if props.file_systems:
            self._admit_file_systems(props.bucket_name)
        self.bucket = s3.Bucket(
            self,
            "Resource",
            bucket_name=props.bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            # Why: without it each of a million range requests is a request to KMS too.
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=_TLS,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="old-versions-and-broken-uploads",
                    noncurrent_version_expiration=cdk.Duration.days(props.keep_old_versions_days),
                    expired_object_delete_marker=True,
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                )
            ],
            removal_policy=props.removal_policy,
        )

    def _admit_file_systems(self, bucket_name: str) -> None:
        """Let the service-linked roles of FSx use the key, through S3 and for this bucket only.

        Why no role by name: FSx makes one for each file system when it is linked, named after its
        id. Source: FSx for Lustre user guide, "Working with server-side encrypted Amazon S3
        buckets".
        """
        stack = cdk.Stack.of(self)
        bucket = f"arn:{stack.partition}:s3:::{bucket_name}"
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.AnyPrincipal()],
                actions=[
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:DescribeKey",
                ],
                resources=["*"],
                conditions={
                    "StringEquals": {
                        "kms:CallerAccount": stack.account,
                        "kms:ViaService": f"s3.{stack.region}.{stack.url_suffix}",
                    },
                    # Why both: with a bucket key the context is the bucket, without the object.
                    "StringLike": {
                        "aws:userid": "*:FSx",
                        "kms:EncryptionContext:aws:s3:arn": [bucket, f"{bucket}/*"],
                    },
                },
            )
        )
