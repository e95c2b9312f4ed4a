"""Templates of the committed environments, synthesized once for all tests that read them."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import assertions

from disagg.checks.environment import load_environment
from disagg.config.environment import Environment
from disagg_stacks import build

ROOT = Path(__file__).resolve().parents[2]
Template = dict[str, Any]


def context() -> dict[str, Any]:
    """Return what the CDK CLI hands to the app: feature flags change templates."""
    flags: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return flags


def environment(name: str) -> Environment:
    return load_environment(ROOT / "environments" / f"{name}.yaml").environment


def synthesize(one: Environment) -> dict[str, Template]:
    """Return template by stack name, in the order of deployment."""
    app = cdk.App(context=context())
    build(app, one)
    return {stack.stack_name: stack.template for stack in app.synth().stacks}


@cache
def _of_file(name: str) -> dict[str, Template]:
    return synthesize(environment(name))


def templates(name: str) -> dict[str, Template]:
    """Return the templates of a committed environment; the caller may change them."""
    return copy.deepcopy(_of_file(name))


def template_of(stack: cdk.Stack) -> Template:
    """Return what one stack of a test renders."""
    return dict(assertions.Template.from_stack(stack).to_json())


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """Return the properties of every resource of a type, by logical id."""
    return {
        logical_id: body.get("Properties", {})
        for logical_id, body in template["Resources"].items()
        if body["Type"] == kind
    }


def only(template: Template, kind: str) -> Any:
    """Return the properties of the one resource of a type."""
    found = list(of_type(template, kind).values())
    assert len(found) == 1, f"{len(found)} resources of type {kind}"
    return found[0]
