"""What an implementation of the Gateway API needs beside the standard objects."""

from dataclasses import dataclass, field

from disagg_k8s.manifest import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderObject:
    """One object of an implementation."""

    kind: str
    api_version: str
    name: str
    namespace: str
    body: Json = field(default_factory=dict)
    """What stands beside `metadata`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extras:
    """Its objects, and how the Gateway names the one with the parameters of its pods."""

    parameters: Json
    objects: tuple[ProviderObject, ...]
