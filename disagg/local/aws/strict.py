"""Make moto's CloudFormation fail where AWS would, in place of going on quietly.

moto skips a resource type it does not know, leaves references it cannot resolve, and forgets a
resource it cannot update: the stack still says CREATE_COMPLETE. A rehearsal must not.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import ValidationError
from moto.utilities.utils import get_partition

from disagg.local.aws.cloudformation import cannot_update

_INTRINSICS = frozenset({"Ref", "Fn::GetAtt", "Fn::GetStackOutput", "Fn::Transform"})


class ResourceError(ValidationError):
    """A resource of a template could not be made; the message names it."""


def unknown_types(template: Mapping[str, Any]) -> list[str]:
    """Return the resource types of the template that nothing here implements, sorted."""
    known = parsing.get_model_map()
    used = {resource.get("Type", "") for resource in template.get("Resources", {}).values()}
    return sorted(used - known.keys())


def unresolved(value: object, path: str = "") -> Iterator[str]:
    """Yield the path of every reference left in the properties of a resource."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in _INTRINSICS:
                yield f"{path}.{key}".lstrip(".")
            else:
                yield from unresolved(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from unresolved(inner, f"{path}[{index}]")


def _reason(error: Exception) -> str:
    """Return what an error of moto's says, without its XML."""
    message = next(
        (text for name in ("message", "description") if (text := getattr(error, name, ""))),
        str(error),
    )
    return (
        f"{message}" if isinstance(error, ValidationError) else f"{type(error).__name__}: {message}"
    )


def _check_types(parse_template: Any) -> Any:
    @functools.wraps(parse_template)
    def checked(template: str) -> dict[str, Any]:
        parsed: dict[str, Any] = parse_template(template)
        if unknown := unknown_types(parsed):
            raise ValidationError(
                message=f"Template format error: Unrecognized resource types: {unknown}"
            )
        return parsed

    return checked


def _check_references(parse_resource: Any) -> Any:
    @functools.wraps(parse_resource)
    def checked(resource_json: Any, resources_map: Any) -> Any:
        parsed = parse_resource(resource_json, resources_map)
        if left := list(unresolved(parsed[1].get("Properties", {}))):
            raise ValidationError(message=f"references that cannot be resolved: {left}")
        return parsed

    return checked


def _name_resource(create: Any) -> Any:
    @functools.wraps(create)
    def named(logical_id: str, resource_json: Any, *more: Any, **named_more: Any) -> Any:
        try:
            return create(logical_id, resource_json, *more, **named_more)
        except ResourceError:
            # Why: making one resource makes those it refers to; the innermost is the one at fault.
            raise
        except Exception as error:
            where = f"{logical_id} ({resource_json.get('Type')})"
            raise ResourceError(message=f"{where}: {_reason(error)}") from error

    return named


def _refuse_lost_update(update: Any) -> Any:
    @functools.wraps(update)
    def checked(logical_id: str, resource_json: Any, *more: Any, **named_more: Any) -> Any:
        resource = update(logical_id, resource_json, *more, **named_more)
        if resource is None:
            raise ValidationError(message=cannot_update(resource_json["Type"]))
        return resource

    return checked


def _forget_failed_stack(create_stack: Any) -> Any:
    @functools.wraps(create_stack)
    def checked(self: Any, *more: Any, **named_more: Any) -> Any:
        before = set(self.stacks)
        try:
            return create_stack(self, *more, **named_more)
        except Exception:
            for stack_id in set(self.stacks) - before:
                del self.stacks[stack_id]
            raise

    return checked


def _keep_undeleted_stack(delete_stack: Any) -> Any:
    @functools.wraps(delete_stack)
    def checked(self: Any, *more: Any, **named_more: Any) -> None:
        before = dict(self.stacks)
        try:
            delete_stack(self, *more, **named_more)
        except Exception as error:
            # Why: moto takes the stack out before it deletes; a second look would find it gone.
            for stack_id, stack in before.items():
                self.stacks.setdefault(stack_id, stack)
            raise ValidationError(message=f"cannot be deleted: {_reason(error)}") from error

    return checked


def _forget_outputs(delete: Any) -> Any:
    @functools.wraps(delete)
    def checked(self: Any) -> None:
        delete(self)
        # Why: moto looks outputs up anew when asked, and makes the resources they name again.
        self.output_map._output_json_map = {}  # noqa: SLF001

    return checked


def _keep_retained(delete: Any) -> Any:
    @functools.wraps(delete)
    def checked(self: Any) -> None:
        # Why: moto knows `Retain` only. What is taken back because its creation failed never comes
        # here, so the policy that excepts it means the same.
        before = self._resource_json_map
        self._resource_json_map = {
            name: {**one, "DeletionPolicy": "Retain"}
            if one.get("DeletionPolicy") == "RetainExceptOnCreate"
            else one
            for name, one in before.items()
        }
        try:
            delete(self)
        finally:
            self._resource_json_map = before

    return checked


def _ignore_unset_previous(resolve: Any) -> Any:
    @functools.wraps(resolve)
    def checked(self: Any, instance: Any, incoming_params: list[dict[str, Any]]) -> Any:
        # Why: the CDK CLI asks for the previous value of parameters that were left at their default
        # (BootstrapVersion); moto remembers only values that were given.
        kept = [
            parameter
            for parameter in incoming_params
            if not parameter.get("UsePreviousValue")
            or parameter["ParameterKey"] in instance.parameters
        ]
        return resolve(self, instance, kept)

    return checked


_SUFFIX = {"aws-cn": "amazonaws.com.cn"}
"""Domain of services by partition, where it is another. Source: AWS General Reference."""


def _name_partition(make: Any) -> Any:
    @functools.wraps(make)
    def checked(self: Any, *more: Any, **named_more: Any) -> None:
        make(self, *more, **named_more)
        # Why: moto says `aws` of every region.
        partition = get_partition(self._region_name)
        self._parsed_resources["AWS::Partition"] = partition
        self._parsed_resources["AWS::URLSuffix"] = _SUFFIX.get(partition, "amazonaws.com")

    return checked


def make_strict() -> None:
    """Put the checks into moto; to be called once in a process."""
    parsing.ResourceMap.__init__ = _name_partition(parsing.ResourceMap.__init__)  # type: ignore[method-assign]
    stack, backend = models.Stack, models.CloudFormationBackend
    stack.parse_template = staticmethod(_check_types(stack.parse_template))  # type: ignore[method-assign]
    parsing.parse_resource = _check_references(parsing.parse_resource)
    parsing.parse_and_create_resource = _name_resource(parsing.parse_and_create_resource)
    parsing.parse_and_update_resource = _name_resource(
        _refuse_lost_update(parsing.parse_and_update_resource)
    )
    parsing.ResourceMap.delete = _keep_retained(parsing.ResourceMap.delete)  # type: ignore[method-assign]
    stack.delete = _forget_outputs(stack.delete)  # type: ignore[method-assign]
    backend.delete_stack = _keep_undeleted_stack(backend.delete_stack)  # type: ignore[method-assign]
    backend.create_stack = _forget_failed_stack(backend.create_stack)  # type: ignore[method-assign]
    backend._resolve_update_parameters = _ignore_unset_previous(  # type: ignore[method-assign]  # noqa: SLF001
        backend._resolve_update_parameters  # noqa: SLF001 - moto offers no other way
    )
