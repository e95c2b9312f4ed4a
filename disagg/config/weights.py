"""Key `serving.weights`: where model servers get their weights."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import BUCKET, KEY_ARN, KEY_PREFIX, REVISION, SECRET_NAME, STRICT

_COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
_KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class HuggingFace:
    """Every pod downloads the model from Hugging Face, through the NAT gateway."""

    kind: Literal["hugging_face"] = "hugging_face"
    """Nothing to prepare; the newest revision, whatever that is on the day."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class S3:
    """A Job copies the model once to a bucket, and pods stream it from there into GPU memory."""

    kind: Literal["s3"]
    """Through the S3 gateway endpoint: inside AWS, no charge by the gigabyte."""
    revision: Annotated[str, Field(pattern=REVISION, examples=[_COMMIT])]
    """Commit of the model on Hugging Face: all pods of all days run the same weights."""
    bucket: Annotated[str, Field(pattern=BUCKET, examples=["models-of-ours"])] | None = None
    """A bucket you have, in the same account and region. Default: one is made, encrypted and
    versioned."""
    prefix: Annotated[str, Field(pattern=KEY_PREFIX, max_length=500, examples=["models"])] = (
        "models"
    )
    """Where in the bucket: the model lies in `<prefix>/<model>/<revision>/`."""
    kms_key_arn: Annotated[str, Field(pattern=KEY_ARN, examples=[_KEY])] | None = None
    """Key that encrypts `bucket`. Default: it has none of its own. A bucket that is made gets its
    own."""
    token_secret: (
        Annotated[str, Field(pattern=SECRET_NAME, examples=["disagg/hub-token"])] | None
    ) = None
    """Name of the secret in Secrets Manager that holds your Hugging Face token, for gated models.
    Default: no token."""


WeightsSource = HuggingFace | S3
