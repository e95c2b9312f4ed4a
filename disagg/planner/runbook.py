"""What people do before a Capacity Block ends, filled in for one environment."""

from disagg.config.capacity import CapacityBlock
from disagg.config.environment import Environment
from disagg.planner.reservations import block_times, shared

_TEXT = """\
# Capacity Block {block} ends {end}

Environment `{name}`, {groups}: {nodes} x {instance_type} in {zone}, region {region}.
Made by `disagg synth`; times are UTC.

| when | what happens by itself |
|---|---|
| {drain} | EventBridge publishes to the topic in `/disagg/{name}/capacity/block-end-topic` |
| {scale_down} | EKS scales {groups} to zero nodes |
| {termination} | EC2 begins to end what still runs |
| {end} | the block is over |

Both roles are needed to serve: when either loses its nodes, nothing is served.

## Days before

Look for the next block; one that begins when this one ends keeps the nodes busy.

    aws ec2 describe-capacity-block-offerings --region {region} --instance-type {instance_type} \\
      --instance-count {nodes} --capacity-duration-hours 24

## At {drain}

1. See what runs on the nodes.

{pods}

2. Stop new requests, or send them elsewhere, then let the engines go: they finish what they have
   within their grace period. Why not a drain alone: evicted pods have nowhere to go, so after one
   node the disruption budget holds the rest for ever.

       kubectl -n {namespace} scale deployment {deployments} --replicas=0
{drains}

3. Empty the group{plural} before EKS does, so that nothing starts there again.

{scale}

## Afterwards

4. In the environment file set `desired_nodes: 0` and, for the next block, `source.id` and
   `source.end`; then deploy. With no node running, a new block changes the launch template and
   replaces nothing.

       kubectl apply -f dist/{name}/manifests      # brings the replicas back, once there are nodes

       disagg synth <the file>
       make cdk ARGS="deploy --all --app dist/{name}/stacks"

5. When the next block has begun, set `desired_nodes` again and deploy. Before that the group
   reports that it has no capacity, and waits.

Going from a Capacity Block to on-demand capacity or back replaces the node group: its capacity type
cannot change.
"""


def runbooks(environment: Environment) -> dict[str, str]:
    """Return a page in Markdown for each Capacity Block, by file name."""
    return {
        f"{block}.md": _page(environment, tuple(one))
        for block, one in shared(environment.capacity).items()
        if isinstance(next(iter(one.values())).source, CapacityBlock)
    }


def _page(environment: Environment, names: tuple[str, ...]) -> str:
    named = shared(environment.capacity)
    members = next(one for one in named.values() if tuple(one) == names)
    first = members[names[0]]
    assert isinstance(first.source, CapacityBlock)  # noqa: S101  Why: only called for blocks.
    times = block_times(first.source)
    selectors = [f"disagg/environment={environment.name},disagg/role={name}" for name in names]
    parameter = f"/disagg/{environment.name}/capacity"
    return _TEXT.format(
        block=first.source.id,
        end=first.source.end,
        name=environment.name,
        groups=" and ".join(f"`capacity.{name}`" for name in names),
        plural="s" if len(names) > 1 else "",
        nodes=sum(one.nodes for one in members.values()),
        instance_type=first.instance_type,
        zone=first.source.zone_id,
        region=environment.aws.region,
        drain=f"{times.drain:%Y-%m-%d %H:%M}",
        scale_down=f"{times.scale_down:%Y-%m-%d %H:%M}",
        termination=f"{times.termination:%Y-%m-%d %H:%M}",
        pods="\n".join(f"       kubectl get nodes -l {one}" for one in selectors)
        + f"\n       kubectl -n {environment.serving_namespace} get pods -o wide",
        drains="\n".join(
            f"       kubectl drain -l {one} --ignore-daemonsets --delete-emptydir-data"
            for one in selectors
        ),
        namespace=environment.serving_namespace,
        deployments="prefill decode" if "shared" in names else " ".join(names),
        scale="\n".join(
            f"       aws eks update-nodegroup-config --cluster-name {environment.cluster_name} \\\n"
            "         --nodegroup-name"
            f' "$(aws ssm get-parameter --name {parameter}/{name}-node-group'
            ' --query Parameter.Value --output text)" \\\n'
            f"         --scaling-config minSize=0,desiredSize=0,maxSize={members[name].nodes}"
            for name in names
        ),
    )
