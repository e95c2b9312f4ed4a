"""The fleet file: which environment goes to which account, and in what order."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import ACCOUNT, NAME, STRICT

Alias = Annotated[str, Field(pattern=NAME)]
Account = Annotated[str, Field(pattern=ACCOUNT)]
# Why no min_length: pydantic would say it of a list with a wrong entry too; DISAGG-FLT-011 does.
_SOME = Field(json_schema_extra={"minItems": 1})


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Place:
    """One environment of a stage, and where it goes: said here and in its file, and held equal."""

    account: Annotated[str, Field(examples=["sandbox"])]
    """Alias of the account, a key of `accounts`."""
    region: Annotated[str, Field(examples=["us-west-2"])]
    """Region of the environment."""
    file: Annotated[str, Field(examples=["environments/pilot.yaml"])]
    """The environment file, relative to this one."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Stage:
    """Environments that are deployed after those of the stages before, in any order."""

    name: Annotated[str, Field(pattern=NAME, examples=["pilot"])]
    """What people call it."""
    environments: Annotated[tuple[Place, ...], _SOME]
    """At least one."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Fleet:
    """Every environment of an organisation: the whole file."""

    apiVersion: Literal["disagg/v1"]  # noqa: N815  Why: the key of the file, as Kubernetes users expect it.
    """Version of the format of this file."""
    kind: Literal["Fleet"]
    """Tells a fleet from an environment."""
    name: Annotated[str, Field(pattern=NAME, examples=["acme"])]
    """Names what `disagg synth --fleet` writes: `dist/<name>`."""
    accounts: Annotated[dict[Alias, Account], Field(min_length=1, max_length=50)]
    """Account ids by what people call them: `sandbox: "123456789012"`."""
    stages: Annotated[tuple[Stage, ...], _SOME]
    """Stages in the order they are deployed."""
