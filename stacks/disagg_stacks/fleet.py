"""Environments of several accounts in one app, in the order of their stages."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields

import aws_cdk as cdk

from disagg.config.environment import Environment
from disagg_stacks.layers import Stacks, build


def build_fleet(
    scope: cdk.App | cdk.Stage,
    stages: Sequence[Sequence[Environment]],
    within: Callable[[Environment], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> list[list[Stacks]]:
    """Return the stacks of every environment by stage, each stage after the one before it.

    The first stack of an environment depends on all of the stage before, and the others on the
    first: the CDK CLI then deploys in that order, and what fails holds back what comes later. It is
    an order of the assembly only: templates know nothing of it, so accounts and regions may differ.
    `cdk.Stage` is no help here: a dependency cannot cross it, and `cdk deploy --all` passes over
    what is in it (docs/adr/0015).

    Args:
        scope: An app made with the context of `cdk.json`.
        stages: Checked environments, all of different names.
        within: Gives the context that an environment is built in.
    """
    built: list[list[Stacks]] = []
    for stage in stages:
        made = []
        for environment in stage:
            with within(environment):
                made.append(build(scope, environment))
        for stacks in made:
            first, *others = _in_order(stacks)
            for one in others:
                one.add_stack_dependency(first)
            for earlier in built[-1] if built else ():
                for one in _in_order(earlier):
                    first.add_stack_dependency(one)
        built.append(made)
    return built


def _in_order(environment: Stacks) -> list[cdk.Stack]:
    stacks = [getattr(environment, one.name) for one in fields(Stacks)]
    return [one for one in stacks if one is not None]
