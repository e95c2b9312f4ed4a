"""What moto's S3 forgets of a bucket in a template: versions, lifecycle, who is kept out."""

from typing import Any

from moto.s3.models import s3_backends

from disagg.local.aws.cloudformation import Call, Correction


def _complete_bucket(call: Call, bucket: Any) -> None:
    given, name = call.properties, bucket.name
    s3 = s3_backends[call.account][call.partition]
    if "BucketEncryption" in given:
        (stated,) = given["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        asked_once = str(stated.get("BucketKeyEnabled", False)).lower()
        bucket.encryption["Rule"]["BucketKeyEnabled"] = asked_once
    if "VersioningConfiguration" in given:
        s3.put_bucket_versioning(name, given["VersioningConfiguration"]["Status"])
    if "PublicAccessBlockConfiguration" in given:
        s3.put_public_access_block(name, given["PublicAccessBlockConfiguration"])
    if "OwnershipControls" in given:
        (rule,) = given["OwnershipControls"]["Rules"]
        s3.put_bucket_ownership_controls(name, rule["ObjectOwnership"])
    if "LifecycleConfiguration" in given:
        s3.put_bucket_lifecycle(
            name, [_rule(row) for row in given["LifecycleConfiguration"]["Rules"]]
        )


def _rule(row: dict[str, Any]) -> dict[str, Any]:
    """Return a rule in the form of the S3 API, which moto keeps."""
    rule = {
        "ID": row.get("Id"),
        "Status": row["Status"],
        "Filter": {"Prefix": row.get("Prefix", "")},
    }
    if "ExpiredObjectDeleteMarker" in row:
        marker = str(row["ExpiredObjectDeleteMarker"]).lower()
        rule["Expiration"] = {"ExpiredObjectDeleteMarker": marker}
    for key in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        if key in row:
            rule[key] = {name: str(days) for name, days in row[key].items()}
    return rule


CORRECTIONS = (Correction(name="AWS::S3::Bucket", after=_complete_bucket),)
