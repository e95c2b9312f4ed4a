"""The rehearsal of a fleet: every environment, in one AWS endpoint that holds all its accounts."""

import tempfile
from pathlib import Path

from disagg import artifacts
from disagg.artifacts import Written
from disagg.checks.fleet import CheckedFleet
from disagg.checks.overriding import lines_of
from disagg.config.environment import Environment
from disagg.errors import CheckFailedError, refusal
from disagg.local.aws.deploy import assembly_targets, bootstrap, deploy_all
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.aws.holdings import holdings
from disagg.local.compare import Created, compare, read_created
from disagg.local.demo import Done, Sign, Step, Tell, refuse
from disagg.local.karpenter import with_node_pools


def rehearse_fleet(checked: CheckedFleet, dist: Path, tell: Tell) -> dict[str, Created]:
    """Write, check and deploy a fleet, read every environment back, and compare with its plan.

    One run of `cdk deploy --all` deploys all accounts in the order of the stages. What was written
    stays in `<dist>/<fleet>`; no process is left, however this ends.

    Returns:
        What each environment became, by name.

    Raises:
        CheckFailedError: A rule or an engine refused something, or what was created differs.
        MissingToolError: The `check` or `local` extra, Node or the CDK CLI is not installed.
        DeployError: The CDK CLI failed.
    """
    stages = [[one.environment for one in stage] for stage in checked.stages()]
    everything = [one for stage in stages for one in stage]
    _refuse_what_others_own(checked)
    tell(Step(f"Manifests and templates of {len(everything)} environments, judged by all engines"))
    files = {one.environment.name: one.file for one in checked.members}
    written = artifacts.write_fleet(
        checked.fleet.name,
        stages,
        dist,
        judge=_judge,
        within=lambda one: lines_of(files[one.name]),
    )
    base = dist / checked.fleet.name
    tell(Done(f"nothing refused, for {base.as_posix()}/"))
    deployed = _deploy(everything, base / "stacks", tell)
    created = {
        environment.name: with_node_pools(deployed[environment.name], one.manifests)
        for environment, one in zip(everything, written, strict=True)
    }
    for environment in everything:
        tell(Step(f"{environment.name}: compared with the plan"))
        facts = compare(environment, created[environment.name])
        refuse(facts, environment)
        tell(Done(f"{len(facts)} facts, all as planned"))
    return created


def _refuse_what_others_own(checked: CheckedFleet) -> None:
    for one in checked.members:
        found = holdings(one.environment).ids()
        if found:
            raise refusal(
                "DISAGG-FLT-013",
                file=one.file.as_posix(),
                got=f"it uses {' and '.join(found)}, which others own",
                need="environments that make all they need, to rehearse a fleet",
                fix=f"rehearse it alone: disagg demo {one.file.as_posix()}",
            )


def _judge(environment: Environment, fresh: Written) -> None:
    for _, engine in artifacts.engines(environment, fresh):
        problems = engine()
        if problems:
            raise CheckFailedError(problems)


def _deploy(environments: list[Environment], assembly: Path, tell: Tell) -> dict[str, Created]:
    targets = assembly_targets(assembly)
    with tempfile.TemporaryDirectory(prefix="disagg-demo-") as directory:
        tell(Step("AWS endpoint on this machine"))
        with AwsEndpoint(directory=Path(directory), target=targets[0], others=targets) as endpoint:
            accounts = " and ".join(sorted({one.account for one in targets}))
            tell(Done(f"{endpoint.url} stands for {accounts}"))
            for target in targets:
                tell(Step(f"cdk bootstrap aws://{target.account}/{target.region}"))
                bootstrap(endpoint.seen_from(target), lambda line: tell(Sign(line)))
                tell(Done("toolkit stack created"))
            tell(Step("cdk deploy --all"))
            deployed = deploy_all(endpoint, assembly, lambda line: tell(Sign(line)))
            tell(Done(", ".join(stack.name for stack in deployed.stacks)))
            return {one.name: _read(endpoint, one) for one in environments}


def _read(endpoint: AwsEndpoint, environment: Environment) -> Created:
    target = Target(account=environment.aws.account, region=environment.aws.region)
    return read_created(endpoint.seen_from(target), environment.cluster_name)
