"""The seam to moto's CloudFormation engine: add resource types, correct its own, and be strict.

moto finds the code of a resource type in a map from the type's name to a class with four class
methods. Everything here is put into that map as an object with the same four methods, so a
resource type is one row of a table and nothing is subclassed.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.utilities.utils import get_partition

Properties = Mapping[str, Any]
"""Properties of a resource as in the template, every reference resolved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What CloudFormation asks a resource type to do, and for whom."""

    name: str
    """The physical name the engine made up from stack, logical id and a random suffix."""
    properties: Properties
    account: str
    region: str

    @property
    def partition(self) -> str:
        """The partition of the region: moto keeps IAM and S3 of each apart."""
        return get_partition(self.region)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of `resource` of `service` in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def identifier(self, prefix: str, *parts: str) -> str:
        """Return an id as AWS forms them, the same for the same resource of the same stack.

        Example:
            >>> Call(name="n", properties={}, account="1", region="r").identifier("pg", "a")
            'pg-86b558373671536d5'
        """
        digest = hashlib.sha256("|".join((self.name, *parts)).encode()).hexdigest()
        return f"{prefix}-{digest[:17]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Created:
    """A resource that exists: what `Ref` and `Fn::GetAtt` answer."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceType:
    """One resource type that moto lacks."""

    name: str
    attributes: tuple[str, ...] = ()
    """Names `Fn::GetAtt` knows; outputs are checked against them before anything is created."""
    create: Callable[[Call], Created]
    update: Callable[[Call], Created] | None = None
    """None: an update deletes the old resource and creates the new one."""
    delete: Callable[[Call], None] | None = None
    """None: deleting only forgets it."""


class Deployed:
    """A resource of a stack, as moto's engine wants to see one."""

    def __init__(self, resource_type: ResourceType, call: Call, created: Created) -> None:
        self.resource_type = resource_type
        self.call = call
        self.created = created
        self.logical_resource_id = ""
        self.cf_resource_type = resource_type.name

    @property
    def physical_resource_id(self) -> str:
        """Return what `Ref` answers."""
        return self.created.physical_id

    def get_cfn_attribute(self, attribute: str) -> str:
        """Return what `Fn::GetAtt` answers."""
        try:
            return self.created.attributes[attribute]
        except KeyError:
            raise UnformattedGetAttTemplateException from None

    def is_created(self) -> bool:
        """Return True: nothing here takes time."""
        return True

    def delete(self, _account: str, _region: str) -> None:
        """Remove what was created."""
        if self.resource_type.delete:
            self.resource_type.delete(self.call)


class Model:
    """A `ResourceType` in the shape of moto's model classes."""

    def __init__(self, resource_type: ResourceType) -> None:
        self.resource_type = resource_type

    def has_cfn_attr(self, attribute: str) -> bool:
        """Return whether `Fn::GetAtt` knows `attribute`."""
        return attribute in self.resource_type.attributes

    def create_from_cloudformation_json(
        self,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **_: object,
    ) -> Deployed:
        """Create the resource."""
        call = Call(
            name=resource_name,
            properties=cloudformation_json.get("Properties", {}),
            account=account_id,
            region=region_name,
        )
        return Deployed(self.resource_type, call, self.resource_type.create(call))

    def update_from_cloudformation_json(
        self,
        original_resource: Deployed,
        new_resource_name: str,  # noqa: ARG002 - moto passes it by name
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> Deployed:
        """Change the resource in place, or replace it."""
        old, kind = original_resource, self.resource_type
        call = Call(
            name=old.call.name,
            properties=cloudformation_json.get("Properties", {}),
            account=account_id,
            region=region_name,
        )
        if kind.update:
            return Deployed(kind, call, kind.update(call))
        old.delete(account_id, region_name)
        return Deployed(kind, call, kind.create(call))


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """What to do around one of moto's own resource types."""

    name: str
    attributes: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    """Answers to `Fn::GetAtt` that moto does not give, from moto's object."""
    before: Callable[[Call], Properties] | None = None
    """The properties to give to moto in place of the template's."""
    updates: bool = True
    """False: moto's own update does harm, so it is refused."""
    after: Callable[[Call, Any], None] | None = None
    """What moto forgot, done to moto's object."""
    delete: Callable[[Call], None] | None = None
    """How to delete it where moto does not; `Call.name` is the physical id."""


class CorrectedModel:
    """One of moto's model classes with a `Correction` around it."""

    def __init__(self, model: Any, correction: Correction) -> None:
        self.model = model
        self.correction = correction

    def has_cfn_attr(self, attribute: str) -> bool:
        """Return whether `Fn::GetAtt` knows `attribute`."""
        if attribute in self.correction.attributes:
            return True
        has_cfn_attr = self.model.has_cfn_attr
        # Why: moto's base class, which most types leave as it is, says yes to every name.
        return not hasattr(has_cfn_attr, "__isabstractmethod__") and has_cfn_attr(attribute)

    def create_from_cloudformation_json(
        self,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **more: object,
    ) -> Any:
        """Create the resource as moto does, and put right what it leaves out."""
        call = self._call(resource_name, cloudformation_json, account_id, region_name)
        resource = self.model.create_from_cloudformation_json(
            resource_name,
            {**cloudformation_json, "Properties": self._for_moto(call)},
            account_id,
            region_name,
            **more,
        )
        return self._finished(call, resource)

    def update_from_cloudformation_json(
        self,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> Any:
        """Update the resource as moto does.

        Raises:
            ValidationError: moto cannot update this type.
        """
        update = self.model.update_from_cloudformation_json
        if not self.correction.updates or hasattr(update, "__isabstractmethod__"):
            raise ValidationError(message=cannot_update(self.correction.name))
        call = self._call(new_resource_name, cloudformation_json, account_id, region_name)
        resource = update(
            original_resource=original_resource,
            new_resource_name=new_resource_name,
            cloudformation_json={**cloudformation_json, "Properties": self._for_moto(call)},
            account_id=account_id,
            region_name=region_name,
        )
        return self._finished(call, resource)

    def delete_from_cloudformation_json(
        self,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> None:
        """Delete the resource; called only for objects of moto that cannot delete themselves."""
        if self.correction.delete:
            self.correction.delete(self._call(resource_name, {}, account_id, region_name))
        elif not hasattr(self.model.delete_from_cloudformation_json, "__isabstractmethod__"):
            self.model.delete_from_cloudformation_json(
                resource_name, cloudformation_json, account_id, region_name
            )

    @staticmethod
    def _call(name: str, cloudformation_json: Mapping[str, Any], account: str, region: str) -> Call:
        properties = cloudformation_json.get("Properties", {})
        return Call(name=name, properties=properties, account=account, region=region)

    def _for_moto(self, call: Call) -> dict[str, Any]:
        before = self.correction.before
        return dict(before(call) if before else call.properties)

    def _finished(self, call: Call, resource: Any) -> Any:
        if hasattr(resource, "add_tag"):
            for tag in call.properties.get("Tags", []):
                resource.add_tag(tag["Key"], tag["Value"])
        if self.correction.after:
            self.correction.after(call, resource)
        if self.correction.attributes:
            self._answer_attributes(resource)
        return resource

    def _answer_attributes(self, resource: Any) -> None:
        own = getattr(resource, "get_cfn_attribute", None)
        answers = self.correction.attributes

        def get_cfn_attribute(attribute: str) -> str:
            if attribute in answers:
                return answers[attribute](resource)
            if own is None:
                raise UnformattedGetAttTemplateException
            return str(own(attribute))

        # Why: set on the object, so moto's class stays as it is for everyone else.
        resource.get_cfn_attribute = get_cfn_attribute


def cannot_update(resource_type: str) -> str:
    """Return the message for an update that this endpoint cannot do."""
    return (
        f"{resource_type} cannot be updated on this endpoint (AWS may): deploy to a fresh endpoint"
    )


def register(types: Iterable[ResourceType], corrections: Iterable[Correction]) -> None:
    """Put the resource types and the corrections into moto's map; again is harmless.

    Raises:
        KeyError: a correction names a type that moto does not have.
    """
    models: dict[str, Any] = parsing.get_model_map()
    for resource_type in types:
        models[resource_type.name] = Model(resource_type)
    for correction in corrections:
        present = models[correction.name]
        model = present.model if isinstance(present, CorrectedModel) else present
        models[correction.name] = CorrectedModel(model, correction)
