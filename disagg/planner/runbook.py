"""What people do, filled in for one environment: to deploy it, and before what was bought ends."""

from collections.abc import Mapping

from disagg.config.capacity import GpuGroup, TrainingPlan
from disagg.config.environment import Environment
from disagg.planner.karpenter import by_karpenter, pool_name
from disagg.planner.plan import Plan
from disagg.planner.reservations import (
    BlockTimes,
    Ending,
    block_times,
    shared,
    short_name,
    title,
)
from disagg.planner.steps import Commands, steps

_TEXT = """\
# {title} ends {end}

Environment `{name}`, {groups}: {nodes} x {instance_type} in {zone}, region {region}.
Made by `disagg synth`; times are UTC.

| when | what happens by itself |
|---|---|
| {drain} | EventBridge publishes to the topic in `{parameter}/block-end-topic` |
{rows}| {end} | it is over |

Both roles are needed to serve: when either loses its nodes, nothing is served.

## Days before

Look for the next one; one that begins when this one ends keeps the nodes busy.

{offers}

## At {drain}

1. See what runs on the nodes.

{pods}

2. Stop new requests, or send them elsewhere, then let the engines go: they finish what they have
   within their grace period. Why not a drain alone: evicted pods have nowhere to go, so after one
   node the disruption budget holds the rest for ever.

       kubectl -n {namespace} scale deployment {deployments} --replicas=0
{drains}

3. {empty}

## Afterwards

4. In the environment file set `desired_nodes: 0` and, for the next one, `source.{key}` and
   `source.end`; then deploy. {no_node}

       kubectl apply -f dist/{name}/manifests      # brings the replicas back, once there are nodes

       disagg deploy <the file>       # --ended-capacity while it names one that is over

5. When the next one has begun, set `desired_nodes` again and deploy. {before}

{kinds}
"""

_BLOCK = {
    "key": "id",
    "offers": """\
    aws ec2 describe-capacity-block-offerings --region {region} --instance-type {instance_type} \\
      --instance-count {nodes} --capacity-duration-hours 24""",
    "rows": """\
| {scale_down} | EKS scales {groups} to zero nodes |
| {termination} | EC2 begins to end what still runs |
""",
    "empty": """Empty the group{plural} before EKS does, so that nothing starts there again.

{scale}""",
    "no_node": """With no node running, a new block changes the launch template and
   replaces nothing.""",
    "before": """Before that the group
   reports that it has no capacity, and waits.""",
    "kinds": """\
Going from a Capacity Block to on-demand capacity or back replaces the node group: its capacity type
cannot change.""",
}
_PLAN = {
    "key": "arn",
    "offers": """\
    aws sagemaker search-training-plan-offerings --region {region} \\
      --instance-type ml.{instance_type} --instance-count {nodes} --duration-hours 24 \\
      --target-resources hyperpod-cluster""",
    "rows": """\
| {termination} | SageMaker begins to take the nodes of {groups} back |
""",
    "empty": """Empty the group{plural} before SageMaker does: set `desired_nodes: 0` in the file.

       disagg deploy <the file>""",
    "no_node": """That SageMaker gives an empty
   group another plan is not proven: if it refuses, deploy `kind: on_demand` in between.""",
    "before": """Until then HyperPod
   waits for capacity and says so in `aws sagemaker list-cluster-events`.""",
    "kinds": """\
Deep health checks take about two hours before new nodes serve: begin that much earlier.""",
}
_KARPENTERS = _BLOCK | {
    "rows": """\
| {scale_down} | Karpenter begins to drain the nodes of {groups}, for 10 minutes |
| {termination} | EC2 begins to end what still runs |
""",
    "empty": """Empty the group{plural} before Karpenter does, so that nothing starts there again.

{scale}""",
    "no_node": """The node class then selects the new block; apply
   the manifests again after that, since node class and pool are among them.""",
    "before": """Before that a node cannot start:
   `kubectl describe nodepool,nodeclaim` says so, and Karpenter tries again.""",
    "kinds": """\
Going from a Capacity Block to on-demand capacity or back changes the node class: nodes that run
stay as they are.""",
}
"""What differs between the three, by place in the text."""


def runbooks(environment: Environment) -> dict[str, str]:
    """Return a page in Markdown for each Capacity Block and training plan, by file name."""
    pages = {}
    for members in shared(environment.capacity).values():
        source = next(iter(members.values())).source
        if isinstance(source, Ending):
            pages[f"{short_name(source)}.md"] = _page(environment, members, source)
    return pages


DEPLOY_PAGE = "deploy.md"
"""Name of the page of steps, below `dist/<name>`: beside runbooks, whose names are of others."""


def deploy_page(environment: Environment, made: Plan) -> str:
    """Return the steps of a deployment as a page in Markdown: the same for everybody.

    `FILE` is the environment file, and paths are those of `--dist dist`.
    """
    base = f"dist/{environment.name}"
    how = Commands(file="FILE", base=base, stacks=f"{base}/stacks")
    lines = [
        f"# Deploy {environment.name}",
        "",
        "In the folder of the clone, with `. .venv/bin/activate`; FILE is the environment file.",
        "Made by `disagg synth`, at list prices.",
    ]
    for number, (told, *commands) in enumerate(steps(made, environment, how), 1):
        lines += ["", f"{number}. {told}"]
        lines += ["", *(f"       {one}" for one in commands)] if commands else []
    return "\n".join(lines) + "\n"


def _page(environment: Environment, members: Mapping[str, GpuGroup], source: Ending) -> str:
    names, first = tuple(members), next(iter(members.values()))
    known = {
        "title": title(source),
        "end": source.end,
        "name": environment.name,
        "parameter": f"{environment.parameter_path}/capacity",
        "groups": " and ".join(f"`capacity.{name}`" for name in names),
        "plural": "s" if len(names) > 1 else "",
        "nodes": sum(one.nodes for one in members.values()),
        "instance_type": first.instance_type,
        "zone": source.zone_id,
        "region": environment.aws.region,
        "namespace": environment.serving_namespace,
        "deployments": "prefill decode" if "shared" in names else " ".join(names),
        **_times(block_times(source)),
        **_commands(environment, members),
    }
    parts = _BLOCK
    if isinstance(source, TrainingPlan):
        parts = _PLAN
    elif by_karpenter(environment):
        parts = _KARPENTERS
    filled = {place: text.format(**known) for place, text in parts.items()}
    return _TEXT.format(**known, **filled)


def _times(times: BlockTimes) -> dict[str, str]:
    return {
        "drain": f"{times.drain:%Y-%m-%d %H:%M}",
        "scale_down": f"{times.scale_down:%Y-%m-%d %H:%M}",
        "termination": f"{times.termination:%Y-%m-%d %H:%M}",
    }


def _commands(environment: Environment, members: Mapping[str, GpuGroup]) -> dict[str, str]:
    selectors = [f"disagg/environment={environment.name},disagg/role={name}" for name in members]
    parameter = f"{environment.parameter_path}/capacity"
    return {
        "pods": "\n".join(f"       kubectl get nodes -l {one}" for one in selectors)
        + f"\n       kubectl -n {environment.serving_namespace} get pods -o wide",
        "drains": "\n".join(
            f"       kubectl drain -l {one} --ignore-daemonsets --delete-emptydir-data"
            for one in selectors
        ),
        "scale": "\n".join(
            f"       kubectl scale nodepool {pool_name(environment, name)} --replicas=0"
            for name in members
        )
        if by_karpenter(environment)
        else "\n".join(
            f"       aws eks update-nodegroup-config --cluster-name {environment.cluster_name} \\\n"
            "         --nodegroup-name"
            f' "$(aws ssm get-parameter --name {parameter}/{name}-node-group'
            ' --query Parameter.Value --output text)" \\\n'
            f"         --scaling-config minSize=0,desiredSize=0,maxSize={group.nodes}"
            for name, group in members.items()
        ),
    }
