"""What a person does next against a real account, with what it costs from then on."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from disagg.catalog.chart import ARGOCD, HYPERPOD_WAVE, IN_CLUSTER
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS
from disagg.catalog.regions import REGIONS
from disagg.config.delivery import GitRepository
from disagg.config.environment import Environment
from disagg.planner import bring_in
from disagg.planner.karpenter import by_karpenter, pool_name
from disagg.planner.layout import groups
from disagg.planner.plan import Plan
from disagg.planner.weights import MODEL_LOADER, file_system_of, store_of

_QUOTAS = {"p": "L-417A185B", "g": "L-DB2E81BA"}
"""Service quotas of on-demand vCPUs by instance family. Source: service-quotas API, 2026-11-23."""

_JSON = "-H 'content-type: application/json'"

Step = list[str]
"""What to do, then the commands that do it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Commands:
    """How the programs of this project are called, from where the steps are read."""

    file: str
    """The environment file."""
    base: str
    """Folder of what was written of it."""
    stacks: str
    """Folder of its stacks, from where the CDK CLI is run."""
    make: str = "make"

    def verb(self, name: str) -> str:
        """Return a verb of this program on the file."""
        return f"disagg {name} {self.file}"

    def cdk(self, arguments: str) -> str:
        """Return the command that runs the pinned CDK CLI."""
        return f'{self.make} cdk ARGS="{arguments}"'

    def cdk_with(self, arguments: str) -> str:
        """Return the command that runs the CDK CLI on the stacks."""
        return self.cdk(f"{arguments} --app {self.stacks}")


def steps(made: Plan, environment: Environment, how: Commands) -> Iterator[Step]:
    """Yield what leads to a platform that serves, and away again, in order."""
    yield from _before(made, environment)
    yield from _deployed(made, environment, how)
    yield from _installed(environment, how)
    yield from _serving(made, environment, how)


def _before(made: Plan, environment: Environment) -> Iterator[Step]:
    region = environment.aws.region
    yield _capacity(made, environment)
    if environment.cluster.existing is None:
        yield _administrators(environment)
    else:
        yield [
            "See that version, security group and VPC of the cluster are those of the file.",
            f"aws eks describe-cluster --region {region} --name {environment.cluster_name}",
        ]
    if environment.network.existing is not None:
        yield _vpc_of_others(made, region, environment.network.existing.vpc_id)


def _deployed(made: Plan, environment: Environment, how: Commands) -> Iterator[Step]:
    region, deploy = environment.aws.region, how.verb("deploy")
    yield [
        f"Deploy, GPU groups empty: {from_then_on(made, gpu_nodes=False)}.",
        how.cdk(f"bootstrap aws://{environment.aws.account}/{region}{_own(environment)}"),
        deploy,
    ]
    yield from _brought_in(environment, how)
    if environment.cluster.platform == "hyperpod":
        yield [
            "It stopped before the nodes: from inside the VPC, install HyperPod's packages; go on.",
            *hyperpod_packages(environment, how.base),
            deploy,
        ]


def _brought_in(environment: Environment, how: Commands) -> Iterator[Step]:
    """Yield what is brought in from outside, where nodes cannot fetch it themselves."""
    if bring_in.pages(environment):
        what = "images, charts and weights" if environment.closed else "images"
        yield [
            f"From where the internet is reached, bring in {what}: it takes an hour or more.",
            f"less {how.base}/runbooks/{bring_in.PAGE}",
        ]


def _installed(environment: Environment, how: Commands) -> Iterator[Step]:
    """Yield what the pods rely on, in the order it is needed.

    Argo CD applies the Job that copies the model with all the rest, so what that Job reads is there
    before.
    """
    by_hand = environment.delivery is None or environment.delivery.git is None
    store, serving = store_of(environment), environment.serving_namespace
    manifests, region = f"{how.base}/manifests", environment.aws.region
    enter = f"aws eks update-kubeconfig --name {environment.cluster_name} --region {region}"
    gated = MODELS[environment.serving.model].gated
    if store is not None and store.token_secret:
        told = "is gated: accept its licence, and keep a token in Secrets Manager."
        make = f"aws secretsmanager create-secret --region {region}"
        yield [
            f"{environment.serving.model} {told}",
            f"{make} --name {store.token_secret} --secret-string file://token",
        ]
    if gated and store is None:
        told = "is gated: accept its licence and hand over a token, from inside the VPC."
        yield [
            f"{environment.serving.model} {told}",
            enter,
            f"kubectl apply -f {manifests}/00-namespaces.yaml",
            f"kubectl -n {serving} create secret generic hf-token --from-literal=HF_TOKEN=...",
        ]
    yield [
        "From inside the VPC, since the API endpoint is private, install what the pods rely on.",
        enter,
        *_install(environment, how.base),
    ]
    if store is not None and not environment.closed:
        job = f"job -l app.kubernetes.io/component={MODEL_LOADER}"
        files = f"-f {manifests}/00-namespaces.yaml -f {manifests}/25-model-loading.yaml"
        yield [
            "The model is copied to its bucket, on a system node, while no GPU node runs.",
            *([f"kubectl apply {files}"] if by_hand else _synced(environment)),
            f"kubectl -n {serving} wait --for=condition=complete --timeout=12h {job}",
        ]
    yield from _file_system(environment, how)


def _file_system(environment: Environment, how: Commands) -> Iterator[Step]:
    """Yield how the file learns which file system was made."""
    fsx = file_system_of(environment)
    if fsx is None or fsx.file_system is not None:
        return
    path = f"{environment.parameter_path}/storage/file-system"
    ask = f"aws ssm get-parameters --region {environment.aws.region} --names {path}-id"
    git = environment.delivery.git if environment.delivery else None
    yield [
        "Write the file system that was made into the file, as serving.weights.file_system.",
        f"{ask} {path}-mount-name --query 'Parameters[].[Name,Value]' --output text",
        how.verb("synth"),
        *([f"cp -r {how.base}/. <checkout of {git.repo_url}>/{git.path}/"] if git else []),
        *([f"git add {git.path} && git commit -m {environment.name} && git push"] if git else []),
    ]


def _synced(environment: Environment) -> list[str]:
    """Return the commands that wait until Argo CD has applied the manifests."""
    wait = f"kubectl -n {ARGOCD} wait --timeout=30m application/{environment.name}-manifests"
    return [f"{wait} --for=create", f"{wait} --for=jsonpath='{{.status.sync.status}}'=Synced"]


def _serving(made: Plan, environment: Environment, how: Commands) -> Iterator[Step]:
    git = environment.delivery.git if environment.delivery else None
    manifests, serving = f"{how.base}/manifests", environment.serving_namespace
    sizes = " and ".join(
        f"capacity.{name}.desired_nodes to {group.nodes}"
        for name, group in groups(environment.capacity).items()
    )
    karpenter = by_karpenter(environment)
    yield [
        f"Start the GPU nodes: {from_then_on(made, gpu_nodes=True)}. Set {sizes}.",
        *(_node_pools(environment, how) if karpenter else [how.verb("deploy")]),
    ]
    scheme = "https" if environment.serving.gateway.certificate_arn else "http"
    request = json.dumps({"model": environment.serving.model, "prompt": "Hello", "max_tokens": 8})
    yield [
        "Start serving; pods are ready once the model is loaded.",
        *([] if git else [f"kubectl apply -f {manifests}"]),
        f"kubectl -n {serving} wait --for=condition=available --timeout=60m deployment --all",
        f"kubectl -n {environment.router_namespace} get service router",
        f"curl {scheme}://<that name>/v1/completions {_JSON} -d '{request}'",
    ]
    protected = environment.cluster.deletion_protection
    first = ", deletion_protection set to false and deployed before" if protected else ""
    kept = "keys, logs and the model bucket" if _owned(environment) else "keys and logs"
    again = "as before" if karpenter else "and deploy again"
    yield [
        f"When done, set desired_nodes to 0 {again}, or remove all but {kept}{first}.",
        *([f"kubectl delete -f {how.base}/argocd/root.yaml"] if git else []),
        f"kubectl delete -f {manifests}",
        # Why: nobody but Karpenter ends its nodes, and it goes with the cluster.
        *(["kubectl get nodeclaims      # go on when none is left"] if karpenter else []),
        how.cdk_with("destroy --all"),
    ]


def _node_pools(environment: Environment, how: Commands) -> list[str]:
    """Return the commands that give Karpenter its node pools, by hand or by Git, and wait."""
    git = environment.delivery.git if environment.delivery else None
    pools = " ".join(pool_name(environment, name) for name in groups(environment.capacity))
    given = [f"kubectl apply -f {how.base}/manifests/15-gpu-nodes.yaml"]
    return [
        how.verb("synth"),
        *(_push(environment, git, how.base) if git else given),
        f"kubectl wait --for=condition=Ready nodepool {pools}",
        "kubectl get nodeclaims -o wide",
    ]


def from_then_on(made: Plan, *, gpu_nodes: bool) -> str:
    """Return what a step costs by the hour, and what is paid for already, whatever is done."""
    all_of_it = made.usd_per_hour if gpu_nodes else made.usd_per_hour_without_gpus
    told = f"${all_of_it - made.usd_per_hour_held:,.2f}/h from then on"
    held = made.usd_per_hour_held
    return f"{told}, beside ${held:,.2f}/h of what was bought before" if held else told


def hyperpod_packages(environment: Environment, base: str) -> list[str]:
    """Return the commands that install what SageMaker wants to find before it makes nodes.

    Also where Argo CD installs the rest: it is told of the cluster later.
    """
    region = environment.aws.region
    everything = f"helmfile sync --file {base}/charts/helmfile.yaml"
    return [
        f"aws eks update-kubeconfig --name {environment.cluster_name} --region {region}",
        f"{everything} --selector wave={HYPERPOD_WAVE}",
    ]


def _administrators(environment: Environment) -> Step:
    told = "The administrators must exist, and you must be able to assume one: no other enters."
    own, others = [], []
    for arn in environment.cluster.administrators:
        account, what = arn.split(":")[4:6]
        kind, name = what.split("/")[0], what.rpartition("/")[2]
        if account == environment.aws.account:
            own.append(f"aws iam get-{kind} --{kind}-name {name}")
        else:
            others.append(arn)
    if others:
        told += f" Ask the owners of other accounts for {' and '.join(others)}."
    return [told, *own]


def _install(environment: Environment, base: str) -> list[str]:
    """Return the commands that install charts: by helmfile, or by an Argo CD that reads Git."""
    delivery = environment.delivery
    if delivery is None or delivery.git is None:
        return [f"helmfile sync --file {base}/charts/helmfile.yaml"]
    return [
        *_push(environment, delivery.git, base),
        *(_argocd_of_aws(environment) if delivery.argocd_capability else ()),
        f"kubectl apply -f {base}/argocd/root.yaml",
    ]


def _push(environment: Environment, git: GitRepository, base: str) -> list[str]:
    """Return the commands that hand over to an Argo CD what was written."""
    return [
        f"cp -r {base}/. <checkout of {git.repo_url}>/{git.path}/",
        f"git add {git.path} && git commit -m {environment.name} && git push",
    ]


def _argocd_of_aws(environment: Environment) -> list[str]:
    """Return the commands that let the Argo CD of AWS into the cluster, and tell it of it."""
    partition = REGIONS[environment.aws.region].partition
    policy = f"arn:{partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    path = f"{environment.parameter_path}/delivery"
    ask = f"aws ssm get-parameter --query Parameter.Value --output text --name {path}"
    admit = f"aws eks associate-access-policy --cluster-name {environment.cluster_name}"
    scope = "--access-scope type=cluster"
    register = f"kubectl -n {ARGOCD} create secret generic {IN_CLUSTER}"
    values = f"project=default name={IN_CLUSTER} server=$({ask}/cluster-arn)"
    literals = "".join(f" --from-literal={one}" for one in values.split(" ", 2))
    return [
        f"{admit} {scope} --policy-arn {policy} --principal-arn $({ask}/argocd-role-arn)",
        f"{register}{literals}",
        f"kubectl -n {ARGOCD} label secret {IN_CLUSTER} argocd.argoproj.io/secret-type=cluster",
    ]


def _own(environment: Environment) -> str:
    """Return what names a bootstrap of one's own: each has a toolkit stack for itself."""
    qualifier, boundary = environment.aws.bootstrap_qualifier, environment.aws.permissions_boundary
    own = f" --qualifier {qualifier} --toolkit-stack-name CDKToolkit-{qualifier}"
    bound = f" --custom-permissions-boundary {(boundary or '').partition(':policy/')[2]}"
    return (own if qualifier else "") + (bound if boundary else "")


def _vpc_of_others(made: Plan, region: str, vpc_id: str) -> Step:
    used = " ".join(one.id for one in (made.subnets.fabric, *made.subnets.system))
    shown = "SubnetId,AvailabilityZoneId,CidrBlock,AvailableIpAddressCount,MapPublicIpOnLaunch,Tags"
    see = f"aws ec2 describe-subnets --region {region} --subnet-ids {used}"
    names = f"aws ec2 describe-vpc-attribute --region {region} --vpc-id {vpc_id}"
    told = (
        "See that VPC and subnets are as the file says, free of public addresses, with DNS host"
        " names, the tag for load balancers and a way out."
    )
    return [
        told,
        f"{see} --query 'Subnets[].[{shown}]'",
        f"{names} --attribute enableDnsHostnames",
    ]


def _owned(environment: Environment) -> bool:
    store = store_of(environment)
    return store is not None and store.bucket is None


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
