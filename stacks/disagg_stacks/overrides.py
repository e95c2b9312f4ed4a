"""Overrides of the environment file, applied to the resources of its stacks."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import aws_cdk as cdk
from constructs import IConstruct

from disagg.config.overrides import ResourceOverride
from disagg.errors import InvalidInputError, Problem
from disagg_stacks.base import EnvironmentStack


def override(stacks: Iterable[EnvironmentStack], overrides: tuple[ResourceOverride, ...]) -> None:
    """Set the properties that the overrides of an environment name.

    Raises:
        InvalidInputError: DISAGG-OVR-006, for every override whose stack or resource is not there.
    """
    by_layer = {stack.layer: stack for stack in stacks}
    problems = []
    for number, one in enumerate(overrides):
        at = f"overrides.resources[{number}]"
        stack = by_layer.get(one.stack)
        if stack is None:
            problems.append(_unknown(f"{at}.stack", "stack", one.stack, list(by_layer)))
            continue
        known = _by_logical_id(stack) if one.logical_id is not None else _by_path(stack)
        name = str(one.logical_id if one.logical_id is not None else one.path).strip("/")
        resource = known.get(name)
        if resource is None:
            key = "logical_id" if one.logical_id is not None else "path"
            what = f"resource in {one.stack}"
            problems.append(_unknown(f"{at}.{key}", what, name, list(known), _hyperpod(stack)))
        elif one.value is None:
            resource.add_deletion_override(one.property)
        else:
            resource.add_override(one.property, one.value)
    if problems:
        raise InvalidInputError(problems)


def _resources(stack: cdk.Stack) -> list[cdk.CfnResource]:
    return [one for one in stack.node.find_all() if isinstance(one, cdk.CfnResource)]


def _by_logical_id(stack: cdk.Stack) -> dict[str, cdk.CfnResource]:
    return {stack.get_logical_id(one): one for one in _resources(stack)}


def _by_path(stack: cdk.Stack) -> dict[str, cdk.CfnResource]:
    """Return resources by path below the stack; a construct stands for its main resource."""
    found: dict[str, cdk.CfnResource] = {}
    for one in _resources(stack):
        path = _below(stack, one)
        found[path] = one
        parent, _, last = path.rpartition("/")
        if last == "Resource":
            found.setdefault(parent, one)
    return found


def _below(stack: cdk.Stack, one: IConstruct) -> str:
    return str(one.node.path).removeprefix(f"{stack.node.path}/")


def _hyperpod(stack: cdk.Stack) -> str:
    """Return the path of the HyperPod cluster of a stack; empty where it has none."""
    kind = "AWS::SageMaker::Cluster"
    found = (path for path, one in _by_path(stack).items() if one.cfn_resource_type == kind)
    return min(found, key=len, default="")


_OF_EKS = ("PrefillNodes", "DecodeNodes", "SharedNodes")
"""Paths of node groups on EKS; HyperPod has instance groups in one resource."""


def _unknown(at: str, what: str, name: str, known: list[str], hyperpod: str = "") -> Problem:
    near: list[Any] = get_close_matches(name, known, n=1, cutoff=0.4)
    fix = f"did you mean {near[0]!r}?" if near else "see dist/<name>/stacks of a synth without it"
    if hyperpod and name.startswith(_OF_EKS):
        fix = f"on HyperPod all groups are in {hyperpod!r}, below Properties.InstanceGroups"
    shown = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")  # noqa: PLR2004
    return Problem(
        code="DISAGG-OVR-006",
        path=at,
        got=f"no {what} is called {name!r}",
        need=shown,
        fix=fix,
    )
