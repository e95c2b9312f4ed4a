"""What may be done with a place in a bucket, as statements for a role."""

from dataclasses import dataclass

from aws_cdk import aws_iam as iam


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreAccess:
    """A place in a bucket, as statements of IAM policies say it."""

    bucket_arn: str
    prefix: str
    account: str
    """Owner of the bucket: one of the same name elsewhere is nobody's to read or write here."""
    key_arn: str | None = None
    """Key that encrypts it; None where it has none of its own."""

    def reading(self) -> list[iam.PolicyStatement]:
        """Return what a model server may do: list the models, and read them."""
        return [self._listing(), self._objects("s3:GetObject"), *self._key("kms:Decrypt")]

    def writing(self) -> list[iam.PolicyStatement]:
        """Return what the loader may do: read, write and take back what it did not finish.

        Source: S3 user guide, "Multipart upload API and permissions": the key must decrypt too.
        """
        return [
            self._listing(),
            self._objects("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
            *self._key("kms:Decrypt", "kms:GenerateDataKey"),
        ]

    def _listing(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[self.bucket_arn],
            conditions={
                "StringEquals": {"aws:ResourceAccount": self.account},
                "StringLike": {"s3:prefix": [f"{self.prefix}/*"]},
            },
        )

    def _objects(self, *actions: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=list(actions),
            resources=[f"{self.bucket_arn}/{self.prefix}/*"],
            conditions={"StringEquals": {"aws:ResourceAccount": self.account}},
        )

    def _key(self, *actions: str) -> list[iam.PolicyStatement]:
        if self.key_arn is None:
            return []
        return [iam.PolicyStatement(actions=list(actions), resources=[self.key_arn])]
