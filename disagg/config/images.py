"""Section `images`: which registry the nodes pull from."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import REGISTRY, REPOSITORY_PREFIX, SECRET_ARN, STRICT

_SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:ecr-pullthroughcache/ghcr-AbCdEf"  # noqa: S105  Why: the ARN of an example.


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Upstream:
    """Images come from where they are published: ghcr.io, docker.io, public.ecr.aws, nvcr.io."""

    kind: Literal["upstream"] = "upstream"
    """Needs a way to the internet."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Credentials:
    """Secrets in Secrets Manager whose names begin with `ecr-pullthroughcache/`."""

    github: Annotated[str, Field(pattern=SECRET_ARN, examples=[_SECRET])] | None = None
    """ARN of the secret for ghcr.io. Default: none."""
    docker_hub: Annotated[str, Field(pattern=SECRET_ARN)] | None = None
    """ARN of the secret for docker.io. Default: none."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Ecr:
    """Images come from repositories of this account, made with the environment."""

    kind: Literal["ecr"]
    """One repository for each image, whose tags cannot be overwritten and which is scanned on
    push. You copy the images into it: `dist/<name>/runbooks` lists them."""
    prefix: Annotated[str, Field(pattern=REPOSITORY_PREFIX, examples=["pilot"])] | None = None
    """Begins the names of the repositories. Default: the name of the cluster."""
    pull_through: bool = False
    """True: ECR itself fetches an image from where it is published when it is pulled for the first
    time, where it can do so. In a network without internet nothing that nobody copied should get
    in, so leave it false there."""
    credentials: Credentials = Field(default_factory=Credentials)
    """With which ECR fetches from registries that want an account, for `pull_through`. Default:
    images of these are copied."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Mirror:
    """Images come from a registry you have, which nodes reach without a password."""

    kind: Literal["mirror"]
    """Nothing is made; you copy the images into it."""
    registry: Annotated[str, Field(pattern=REGISTRY, examples=["registry.example.com/mirror"])]
    """Host and path under which `ghcr.io/llm-d/...` and the others are kept."""


ImageSource = Upstream | Ecr | Mirror
