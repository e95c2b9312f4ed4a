"""The rehearsal: one environment from file to deployed stacks, on this machine."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from disagg import artifacts
from disagg.artifacts import Written
from disagg.checks.codes import MISMATCH
from disagg.checks.environment import Checked
from disagg.config.environment import Environment
from disagg.errors import CheckFailedError, Problem
from disagg.local.aws.deploy import bootstrap, deploy_all
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.aws.holdings import holdings
from disagg.local.compare import Created, compare, read_created
from disagg.local.facts import Fact
from disagg.local.karpenter import with_node_pools


@dataclass(frozen=True, slots=True)
class Step:
    """A step begins."""

    title: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life of the running step; the next one replaces it."""

    line: str


@dataclass(frozen=True, slots=True)
class Detail:
    """A line of the running step that stays."""

    line: str


@dataclass(frozen=True, slots=True)
class Done:
    """The running step ended well."""

    result: str


Event = Step | Sign | Detail | Done
Tell = Callable[[Event], None]


def rehearse(checked: Checked, dist: Path, tell: Tell) -> tuple[Written, Created]:
    """Synthesize, check, deploy to an AWS endpoint of our own and read back, telling what happens.

    What was written stays in `<dist>/<name>`; no process is left, however this ends.

    Raises:
        CheckFailedError: A rule or an engine refused the artifacts, or what was created differs
            from the plan.
        MissingToolError: The `check` or `local` extra, Node or the CDK CLI is not installed.
        DeployError: The CDK CLI failed.
    """
    environment = checked.environment
    written = write(environment, dist, tell, engines=True)
    created = deploy(environment, written, tell)
    tell(Step("Compared with the plan"))
    facts = compare(environment, created)
    for fact in facts:
        tell(Detail(f"{fact.about}: {_short(fact.created)}"))
    refuse(facts, environment)
    tell(Done(f"{len(facts)} facts, all as planned"))
    return written, created


def write(environment: Environment, dist: Path, tell: Tell, *, engines: bool = False) -> Written:
    """Write manifests and templates, judged by the rules, and by the engines when asked."""

    def judge(fresh: Written) -> None:
        objects = sum(len(group) for group in fresh.manifests.values())
        resources = sum(len(template["Resources"]) for template in fresh.templates.values())
        stacks = f"{resources} AWS resources in {len(fresh.templates)} stacks"
        tell(Done(f"{objects} Kubernetes objects, {stacks}, for {dist / environment.name}/"))
        for name, engine in artifacts.engines(environment, fresh) if engines else ():
            tell(Step(f"Judged by {name}"))
            problems = engine()
            if problems:
                raise CheckFailedError(problems)
            tell(Done("nothing refused"))

    tell(Step("Manifests and templates, judged by the rules"))
    return artifacts.write_all(environment, dist, judge=judge)


def deploy(environment: Environment, written: Written, tell: Tell) -> Created:
    """Deploy the stacks to an AWS endpoint of our own, and return what boto3 reads there.

    Where Karpenter makes the nodes, with what it would make of the manifests.
    """
    target = Target(account=environment.aws.account, region=environment.aws.region)
    with tempfile.TemporaryDirectory(prefix="disagg-demo-") as directory:
        tell(Step("AWS endpoint on this machine"))
        held = holdings(environment)
        with AwsEndpoint(directory=Path(directory), target=target, held=held) as endpoint:
            before = f", which holds {' and '.join(held.ids())}" if held.ids() else ""
            place = f"account {target.account}, {target.region}{before}"
            tell(Done(f"{endpoint.url} stands for {place}"))
            tell(Step("cdk bootstrap"))
            bootstrap(
                endpoint,
                lambda line: tell(Sign(line)),
                qualifier=environment.aws.bootstrap_qualifier,
            )
            tell(Done("toolkit stack created"))
            tell(Step("cdk deploy --all"))
            deployed = deploy_all(
                endpoint, written.directory / "stacks", lambda line: tell(Sign(line))
            )
            tell(Done(", ".join(stack.name for stack in deployed.stacks)))
            tell(Step("Read back with boto3"))
            created = read_created(endpoint, environment.cluster_name, environment.stack_prefix)
            tell(Done(f"{len(created.node_groups)} node groups, {len(created.subnets)} subnets"))
            return with_node_pools(created, written.manifests)


def refuse(facts: list[Fact], environment: Environment) -> None:
    """Raise what differs from the plan, if anything does.

    Raises:
        CheckFailedError: DISAGG-DEMO-001, one for each fact that does not agree.
    """
    fix = "a defect of the stacks or the endpoint: please report it with the file"
    if environment.overrides.resources:
        fix = "see the overrides of the file first; otherwise " + fix
    different = [
        Problem(
            code=MISMATCH,
            path=fact.about,
            got=f"created {_short(fact.created, 400)}",
            need=f"planned {_short(fact.planned, 400)}",
            fix=fix,
        )
        for fact in facts
        if not fact.agrees
    ]
    if different:
        raise CheckFailedError(different)


def _short(value: object, most: int = 100) -> str:
    text = _shown(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    return str(value)
