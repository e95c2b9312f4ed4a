"""Section `overrides`: the escape hatch, for what no other key says.

Applied last, to what was rendered; then every rule judges the result as if no override were there.
"""

from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import STRICT

_PATCH = [{"op": "replace", "path": "/spec/replicas", "value": 3}]


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Target:
    """One Kubernetes object."""

    kind: Annotated[str, Field(examples=["Deployment"])]
    """Its kind, as the manifest says."""
    name: Annotated[str, Field(examples=["prefill"])]
    """Its name."""
    namespace: str | None = None
    """Its namespace. Default: whichever it is in, where only one object has that kind and name."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class ManifestOverride:
    """Changes to one rendered Kubernetes object."""

    target: Target
    """The object; one that is not rendered is an error."""
    patch: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, examples=[_PATCH])]
    """Operations of a JSON patch (RFC 6902), in order: `op`, `path`, and `value` or `from`."""
    reason: str = ""
    """Why, for those who read the plan."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class ResourceOverride:
    """A change to one property of one AWS resource."""

    stack: Annotated[str, Field(examples=["Capacity"])]
    """Layer of the stack: `Network`, `Cluster` or `Capacity`."""
    logical_id: str | None = None
    """Logical id in the template. Give this or `path`."""
    path: Annotated[str, Field(examples=["Fabric/SecurityGroup"])] | None = None
    """Path of the construct below the stack: it stays when logical ids change. Give this or
    `logical_id`."""
    property: Annotated[str, Field(examples=["Properties.GroupDescription"])]
    """What to set, with dots: `Properties.Tags.0.Value`; a dot in a name is `\\.`."""
    value: Any
    """What it becomes, as CloudFormation writes it; `null` takes the property away."""
    reason: str = ""
    """Why, for those who read the plan."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Overrides:
    """Changes to what is rendered. Each is shown in the plan; none is supported by an upgrade."""

    manifests: tuple[ManifestOverride, ...] = ()
    """Changes to Kubernetes objects, in order."""
    resources: tuple[ResourceOverride, ...] = ()
    """Changes to AWS resources, in order."""

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.manifests or self.resources)


OVERRIDE_CODES: dict[str, tuple[str, str]] = {
    "DISAGG-OVR-004": (
        "An override of an object that is not rendered.",
        "`target` names kind and name of one object that is rendered; a namespace tells two apart.",
    ),
    "DISAGG-OVR-005": (
        "An operation of a JSON patch that cannot be applied.",
        (
            "RFC 6902: the place must be there for replace, remove, move, copy and test, and its"
            " parent for add; `-` is the end of a list. `/` in a key is written `~1`, `~` is `~0`."
            " An upgrade of disagg may have moved what an override changes."
        ),
    ),
    "DISAGG-OVR-006": (
        "An override of a resource that is in no stack.",
        (
            "`stack` is a layer such as Capacity; `logical_id` or `path` names one resource in it:"
            " dist/<name>/stacks holds the templates."
        ),
    ),
    "DISAGG-OVR-007": (
        "What an override left cannot be judged.",
        (
            "A rule looked for something that every rendered object has, and an override has taken"
            " it away or changed what it is."
        ),
    ),
}
"""Problems that are found only when something is rendered."""
