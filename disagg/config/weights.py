"""Key `serving.weights`: where model servers get their weights."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import (
    BUCKET,
    FILE_SYSTEM,
    KEY_ARN,
    KEY_PREFIX,
    MOUNT_NAME,
    REVISION,
    SECRET_NAME,
    STRICT,
)

_COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
_KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class HuggingFace:
    """Every pod downloads the model from Hugging Face, through the NAT gateway."""

    kind: Literal["hugging_face"] = "hugging_face"
    """Nothing to prepare; the newest revision, whatever that is on the day."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class _Bucket:
    """A bucket that a Job fills once, and what may be said of it.

    Why descriptions and no docstrings: pydantic reads docstrings of a class's own keys only.
    """

    revision: Annotated[
        str,
        Field(
            pattern=REVISION,
            examples=[_COMMIT],
            description="Commit of the model on Hugging Face: all pods of all days run the same"
            " weights.",
        ),
    ]
    bucket: Annotated[
        Annotated[str, Field(pattern=BUCKET, examples=["models-of-ours"])] | None,
        Field(
            description="A bucket you have, in the same account and region. Default: one is made,"
            " encrypted and versioned."
        ),
    ] = None
    prefix: Annotated[
        str,
        Field(
            pattern=KEY_PREFIX,
            max_length=500,
            examples=["models"],
            description="Where in the bucket: the model lies in `<prefix>/<model>/<revision>/`.",
        ),
    ] = "models"
    kms_key_arn: Annotated[
        Annotated[str, Field(pattern=KEY_ARN, examples=[_KEY])] | None,
        Field(
            description="Key that encrypts `bucket`. Default: it has none of its own. A bucket that"
            " is made gets its own."
        ),
    ] = None
    token_secret: Annotated[
        Annotated[str, Field(pattern=SECRET_NAME, examples=["disagg/hub-token"])] | None,
        Field(
            description="Name of the secret in Secrets Manager that holds your Hugging Face token,"
            " for gated models. Default: no token."
        ),
    ] = None


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class S3(_Bucket):
    """A Job copies the model once to a bucket, and pods stream it from there into GPU memory."""

    kind: Literal["s3"]
    """Through the S3 gateway endpoint: inside AWS, no charge by the gigabyte."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class FileSystem:
    """The file system as AWS named it when it was made: nobody can choose either name."""

    id: Annotated[str, Field(pattern=FILE_SYSTEM, examples=["fs-0123456789abcdef0"])]
    """SSM parameter `/disagg/<name>/storage/file-system-id`."""
    mount_name: Annotated[str, Field(pattern=MOUNT_NAME, examples=["fsxabcde"])]
    """SSM parameter `/disagg/<name>/storage/file-system-mount-name`."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Fsx(_Bucket):
    """The same bucket behind an FSx for Lustre file system, which pods mount and only read."""

    kind: Literal["fsx"]
    """Files in place of objects: in the zone of the GPU nodes, billed by the hour."""
    capacity_gib: Annotated[int, Field(ge=1_200)] | None = None
    """Size [GiB]: 1200, 2400 or a multiple of 2400. Default: the smallest that holds the model
    twice, the next revision beside this one."""
    throughput_mb_per_tib: Literal[125, 250, 500, 1000] = 1000
    """What it reads for each TiB of its size [MB/s], all pods together."""
    file_system: FileSystem | None = None
    """What the stack Storage made, to be written here after its first deployment. Default: not
    known yet, and no volume is rendered: GPU pods wait."""


WeightsSource = HuggingFace | S3 | Fsx
Store = S3 | Fsx
"""Sources with a bucket that a Job fills."""
