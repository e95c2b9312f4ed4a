"""What a person does next against a real account, with what it costs from then on."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.kubernetes import CHARTS
from disagg.config.environment import Environment
from disagg.planner.layout import groups
from disagg.planner.plan import Plan

_QUOTAS = {"p": "L-417A185B", "g": "L-DB2E81BA"}
"""Service quotas of on-demand vCPUs by instance family. Source: service-quotas API, 2026-11-23."""

Step = list[str]
"""What to do, then the commands that do it."""


def next_steps(made: Plan, environment: Environment, env: Path, dist: Path) -> Iterator[Step]:
    """Yield the steps in order; each is a sentence and its commands."""
    region, base = environment.aws.region, (dist / environment.name).as_posix()
    yield _capacity(made, environment)
    yield [
        f"Deploy, GPU groups empty: ${made.usd_per_hour_without_gpus:,.2f}/h from then on.",
        f'make cdk ARGS="bootstrap aws://{environment.aws.account}/{region}"',
        f'make cdk ARGS="deploy --all --app {base}/stacks"',
    ]
    yield [
        "From inside the VPC, since the API endpoint is private, install what the pods rely on.",
        f"aws eks update-kubeconfig --name {environment.cluster_name} --region {region}",
        *(
            f"helm install {chart.name} {chart.name} --repo {chart.repository}"
            f" --version {chart.version} --namespace {chart.namespace}"
            f" --values {base}/charts/{chart.name}.yaml"
            for chart in CHARTS.values()
        ),
    ]
    keys = " and ".join(f"capacity.{name}.desired_nodes" for name in groups(environment.capacity))
    yield [
        f"Start the GPU nodes, ${made.usd_per_hour:,.2f}/h from then on: set {keys}.",
        f"disagg synth {env.as_posix()}",
        f'make cdk ARGS="deploy --all --app {base}/stacks"',
    ]
    yield ["Start serving.", f"kubectl apply -f {base}/manifests"]
    yield [
        "When done, set desired_nodes to 0 and deploy again, or remove all but keys and logs.",
        f"kubectl delete -f {base}/manifests",
        f'make cdk ARGS="destroy --all --app {base}/stacks"',
    ]


def _capacity(made: Plan, environment: Environment) -> Step:
    wanted: Counter[str] = Counter()
    for group in made.groups:
        vcpus = INSTANCE_TYPES[group.instance_type].vcpus
        wanted[_QUOTAS[group.instance_type[0]]] += vcpus * group.nodes
    quotas = " and ".join(f"{vcpus} vCPUs of quota {code}" for code, vcpus in wanted.items())
    region, zone = environment.aws.region, environment.network.fabric_zone_id
    types = ",".join(sorted({group.instance_type for group in made.groups}))
    ask = "aws ec2 describe-instance-type-offerings --location-type availability-zone-id"
    return [
        f"Ask for {quotas} in {region}, and whether {zone} has the nodes.",
        f"{ask} --region {region} --filters Name=instance-type,Values={types}",
    ]
