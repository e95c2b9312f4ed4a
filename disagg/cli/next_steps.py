"""What a person does next against a real account, with what it costs from then on."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.kubernetes import CHARTS
from disagg.catalog.models import MODELS
from disagg.config.environment import Environment
from disagg.node import CHECKOUT
from disagg.planner.layout import groups
from disagg.planner.plan import Plan

_QUOTAS = {"p": "L-417A185B", "g": "L-DB2E81BA"}
"""Service quotas of on-demand vCPUs by instance family. Source: service-quotas API, 2026-11-23."""

_JSON = "-H 'content-type: application/json'"

Step = list[str]
"""What to do, then the commands that do it."""


def next_steps(made: Plan, environment: Environment, env: Path, dist: Path) -> Iterator[Step]:
    """Yield the steps in order; each is a sentence and its commands."""
    region, base = environment.aws.region, dist / environment.name
    manifests, serving = f"{base.as_posix()}/manifests", environment.serving_namespace
    yield _capacity(made, environment)
    yield [
        "The administrators must exist, and you must be able to assume one: nobody else enters.",
        *(
            f"aws iam get-role --role-name {arn.rpartition('/')[2]}"
            for arn in environment.cluster.administrators
        ),
    ]
    yield [
        f"Deploy, GPU groups empty: ${made.usd_per_hour_without_gpus:,.2f}/h from then on.",
        cdk(f"bootstrap aws://{environment.aws.account}/{region}"),
        cdk_with("deploy --all", base),
    ]
    yield [
        "From inside the VPC, since the API endpoint is private, install what the pods rely on.",
        f"aws eks update-kubeconfig --name {environment.cluster_name} --region {region}",
        *(
            f"helm install {chart.name} {chart.name} --repo {chart.repository}"
            f" --version {chart.version} --namespace {chart.namespace}"
            f" --values {base.as_posix()}/charts/{chart.name}.yaml"
            for chart in CHARTS.values()
        ),
    ]
    if MODELS[environment.serving.model].gated:
        yield [
            f"{environment.serving.model} is gated: accept its licence and hand over a token.",
            f"kubectl apply -f {manifests}/00-namespaces.yaml",
            f"kubectl -n {serving} create secret generic hf-token --from-literal=HF_TOKEN=...",
        ]
    sizes = " and ".join(
        f"capacity.{name}.desired_nodes to {group.nodes}"
        for name, group in groups(environment.capacity).items()
    )
    yield [
        f"Start the GPU nodes, ${made.usd_per_hour:,.2f}/h from then on: set {sizes}.",
        synth(env),
        cdk_with("deploy --all", base),
    ]
    request = json.dumps({"model": environment.serving.model, "prompt": "Hello", "max_tokens": 8})
    yield [
        "Start serving; pods are ready once the model is loaded.",
        f"kubectl apply -f {manifests}",
        f"kubectl -n {serving} wait --for=condition=available --timeout=60m deployment --all",
        f"kubectl -n {environment.router_namespace} get service router",
        f"curl http://<that name>/v1/completions {_JSON} -d '{request}'",
    ]
    yield [
        "When done, set desired_nodes to 0 and deploy again, or remove all but keys and logs.",
        f"kubectl delete -f {manifests}",
        cdk_with("destroy --all", base),
    ]


def cdk(arguments: str) -> str:
    """Return the command that runs the pinned CDK CLI, from this checkout or from elsewhere."""
    make = "make" if Path.cwd() == CHECKOUT else f"make -C {CHECKOUT}"
    return f'{make} cdk ARGS="{arguments}"'


def cdk_with(arguments: str, base: Path) -> str:
    """Return the command that runs the CDK CLI on the stacks below `base`."""
    stacks = base / "stacks"
    shown = stacks if Path.cwd() == CHECKOUT else stacks.resolve()
    return cdk(f"{arguments} --app {shown.as_posix()}")


def synth(env: Path) -> str:
    """Return the command that writes and judges the stacks and manifests of a file."""
    return f"make synth ENV={env}" if Path.cwd() == CHECKOUT else f"disagg synth {env}"


def _capacity(made: Plan, environment: Environment) -> Step:
    wanted: Counter[str] = Counter()
    bought = [group for group in made.groups if group.source == "on_demand"]
    for group in bought:
        vcpus = INSTANCE_TYPES[group.instance_type].vcpus
        wanted[_QUOTAS[group.instance_type[0]]] += vcpus * group.nodes
    quotas = " and ".join(f"{vcpus} vCPUs of quota {code}" for code, vcpus in wanted.items())
    region, zone = environment.aws.region, environment.network.fabric_zone_id
    ids = sorted({one.reservation for one in made.groups if one.reservation.startswith("cr-")})
    types = ",".join(sorted({group.instance_type for group in bought}))
    ask = "aws ec2 describe-instance-type-offerings --location-type availability-zone-id"
    offers = f"{ask} --region {region} --filters Name=instance-type,Values={types}"
    held = (
        f"aws ec2 describe-capacity-reservations --region {region}"
        f" --capacity-reservation-ids {' '.join(ids)}"
    )
    told = [f"Ask for {quotas} in {region}, and whether {zone} has the nodes."] if bought else []
    if len(bought) < len(made.groups):
        told.append(
            "See that type, zone, size and end of what is reserved are those of the file: nodes"
            " start nowhere else."
        )
    return [" ".join(told), *([offers] if bought else []), *([held] if ids else [])]
