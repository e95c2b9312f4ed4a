"""The environment file as frozen dataclasses: parser, JSON schema and types in one definition.

Every field that a user can leave out has a default that works; the docstring below a field is its
help text in editors (`schemas/environment.schema.json`) and says what the default does. The larger
sections are in files of their names.
"""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.catalog.kubernetes import DEFAULT_KUBERNETES_VERSION
from disagg.catalog.system_instances import DEFAULT_SYSTEM_INSTANCE_TYPES
from disagg.config.capacity import Capacity
from disagg.config.delivery import AddOns, Delivery
from disagg.config.existing import ExistingCluster, ExistingNetwork, Roles
from disagg.config.form import ACCOUNT, EMAIL, KEY_ARN, NAME, PREFIX, QUALIFIER, STRICT, Count
from disagg.config.images import ImageSource, Upstream
from disagg.config.measurement import Measurement, Result
from disagg.config.overrides import Overrides
from disagg.config.serving import Serving

DeepHealthCheck = Literal["instance_stress", "instance_connectivity"]
_KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Aws:
    """The account and region everything is created in, and what an organisation asks of it."""

    account: Annotated[str, Field(pattern=ACCOUNT, examples=["123456789012"])]
    """Twelve digits, quoted: YAML would drop a leading zero."""
    region: Annotated[str, Field(examples=["us-west-2"])]
    """Region that offers the instance types named under `capacity`."""
    tags: dict[str, str] = Field(default_factory=dict, examples=[{"cost-center": "4711"}])
    """Tags your organisation demands, on all that takes tags and can change them: nodes and
    their volumes too."""
    permissions_boundary: str | None = Field(default=None, examples=[_BOUNDARY])
    """ARN of the policy that bounds every IAM role made here. Default: none."""
    kms_key_arn: Annotated[str, Field(pattern=KEY_ARN, examples=[_KEY])] | None = None
    """Your KMS key, for all that is encrypted with a key of the environment's: Kubernetes secrets,
    logs, the model bucket, messages. Its policy must allow what `dist/<name>/runbooks` lists.
    Cannot change later. Default: a key is made for each, and rotates."""
    roles: Roles = Field(default_factory=Roles)
    """Roles you have, where an organisation makes roles itself. Default: all are made."""
    name_prefix: Annotated[str, Field(pattern=PREFIX, examples=["acme"])] | None = None
    """Begins the names of stacks, of what CloudFormation names after them (roles too), of the
    cluster and of SSM parameters, as written. Default: `Disagg` for stacks, `disagg` for the
    rest."""
    bootstrap_qualifier: Annotated[str, Field(pattern=QUALIFIER, examples=["acme"])] | None = None
    """Qualifier of the CDK bootstrap that deploys. Default: the CDK's own."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Network:
    """The VPC. Zones are named by id (`usw2-az2`), which means the same place in every account."""

    cidr: Annotated[str, Field(examples=["10.42.0.0/16"])] = "10.42.0.0/16"
    """IPv4 range of the VPC, /16 to /22. The first half is the fabric subnet. Of an existing VPC:
    its first range, whatever its size."""
    availability_zone_ids: Annotated[tuple[str, ...], Field(min_length=2, max_length=6)]
    """Two to six zones; the EKS control plane needs two."""
    fabric_zone_id: str
    """The zone of every GPU node: EFA traffic does not leave a zone."""
    internet: Literal["nat", "none"] = "nat"
    """`nat`: private subnets reach the internet through a NAT gateway. `none`: nothing in the VPC
    reaches it or is reached from it; AWS is called through endpoints of the VPC only, and images,
    charts and weights are brought in. Of an existing VPC: which of the two it is."""
    encryption: Literal["none", "monitor", "enforce"] = "none"
    """VPC Encryption Controls. `monitor`: flow logs say of each flow whether it was encrypted.
    `enforce`: what cannot encrypt is refused. Whether EFA's packets are covered is not documented:
    see docs/network.md."""
    existing: ExistingNetwork | None = None
    """A VPC you have: then none is made, and this one is not changed. Default: a new VPC."""

    @property
    def cidrs(self) -> tuple[str, ...]:
        """Every IPv4 range of the VPC."""
        return (self.cidr, *(self.existing.other_cidrs if self.existing else ()))


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class HyperPod:
    """How SageMaker HyperPod looks after its nodes."""

    node_recovery: Literal["automatic", "none"] = "automatic"
    """`automatic` replaces or restarts a GPU node whose health checks fail."""
    deep_health_checks: tuple[DeepHealthCheck, ...] = ("instance_stress", "instance_connectivity")
    """Tests of GPUs and of EFA on each new GPU node, about two hours; it takes no pods until they
    pass. With any of them GPU nodes carry no taint of ours: HyperPod allows none. `[]`: none."""
    tiered_storage_percent: Annotated[int, Field(ge=20, le=100)] | None = None
    """Share of each node's RAM that HyperPod's tiered storage takes, as a cache for KV blocks [%].
    Default: no tiered storage."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Cluster:
    """The Kubernetes control plane and the small nodes that carry what is not a model server."""

    platform: Literal["eks", "hyperpod"] = "eks"
    """`eks`: EKS node groups. `hyperpod`: the same EKS control plane, with the nodes of a SageMaker
    HyperPod cluster, which checks and replaces them."""
    kubernetes_version: str = DEFAULT_KUBERNETES_VERSION
    """Minor version, quoted."""
    endpoint: Literal["private"] = "private"
    """The API server answers inside the VPC only."""
    service_cidr: str = "172.20.0.0/16"
    """IPv4 range of Kubernetes services; must not overlap the VPC. Cannot change later."""
    client_cidrs: tuple[str, ...] = ()
    """Private ranges beyond the VPC that reach the API server and the router, such as a VPN's."""
    administrators: tuple[str, ...] = ()
    """IAM role ARNs that get cluster-admin; without one nobody can enter. None of an existing
    cluster."""
    system_instance_type: str | None = None
    """Type of the nodes for the router, DNS and controllers, by its EC2 name. Default: m7i.2xlarge;
    on HyperPod, where a node has the addresses of one interface, m7i.4xlarge."""
    system_nodes: Annotated[int, Field(ge=2, le=20)] = 2
    """Number of those nodes; two at least, in different zones. Of an existing cluster: how many of
    its nodes carry the label `disagg/role: system`."""
    existing: ExistingCluster | None = None
    """A cluster you have, in an existing VPC: then only GPU nodes are made. Default: a new one."""
    deletion_protection: bool = False
    """True: EKS refuses to delete the cluster, and CloudFormation to delete its stacks, until this
    is false and deployed."""
    hyperpod: HyperPod | None = None
    """How HyperPod looks after the nodes, with `platform: hyperpod` only. Default: as the defaults
    of its keys."""

    @property
    def system_type(self) -> str:
        """EC2 name of the type of the system nodes."""
        return self.system_instance_type or DEFAULT_SYSTEM_INSTANCE_TYPES[self.platform]

    @property
    def on_hyperpod(self) -> HyperPod | None:
        """What HyperPod is told; None on EKS."""
        return (self.hyperpod or HyperPod()) if self.platform == "hyperpod" else None


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Workload:
    """The traffic the layout is planned for, at its peak."""

    input_tokens: Annotated[int, Field(ge=1, le=10_000_000, examples=[1024])]
    """Mean length of a prompt [tokens], what earlier turns left in it included."""
    input_tokens_p95: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """95th percentile of it [tokens]. Default: all prompts are alike."""
    output_tokens: Annotated[int, Field(ge=1, le=10_000_000, examples=[1024])]
    """Mean length of an answer [tokens]."""
    output_tokens_p95: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """95th percentile of it [tokens]. Default: all answers are alike."""
    concurrency: Count | None = None
    """Requests in flight at once at the peak. Give this or `requests_per_second`."""
    requests_per_second: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """Requests that arrive at the peak [1/s]. Give this or `concurrency`."""
    prefix_reuse: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Share of prompt tokens that stood at the start of an earlier prompt. Default: what `turns`
    gives, else 0."""
    turns: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Requests of one conversation, each repeating what was said before."""
    think_seconds: Annotated[float, Field(gt=0, le=86_400)] = 30.0
    """Mean time between an answer and the next request of its conversation [s]."""
    output_tokens_per_month: Annotated[float, Field(gt=0, le=1e18)] | None = None
    """Volume [tokens/month]. Default: what the peak load gives at `mean_over_peak`."""
    mean_over_peak: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Mean load over peak load: capacity is bought for the peak."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Slo:
    """Latency promised to clients."""

    ttft_p95_ms: Annotated[int, Field(ge=1)]
    """Time to first token, 95th percentile [ms]."""
    tpot_p95_ms: Annotated[int, Field(ge=1)]
    """Time for each further token, 95th percentile [ms]."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    """Probability with which a layout must meet both, given how sure the prediction is."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class SavingsPlan:
    """A commitment for one or three years: cheaper by the hour, paid day and night."""

    discount_percent: Annotated[float, Field(gt=0, lt=100, examples=[35])]
    """How much less than on demand, as your account's price list says [%]."""
    years: Literal[1, 3] = 1
    """Term of the commitment."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Block:
    """Nodes bought for a time, all of it paid up front."""

    upfront_usd: Annotated[float, Field(gt=0, le=1e12, examples=[51_000])]
    """What the offer says for all nodes and the whole time [USD]."""
    nodes: Count
    """Nodes of the offer."""
    hours: Annotated[int, Field(ge=1, le=26_280)]
    """Length of the offer [h]."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Pricing:
    """What you pay for GPU nodes where it is not the list price."""

    edp_percent: Annotated[float, Field(ge=0, lt=100)] = 0
    """Discount of your agreement with AWS on all that is billed by the hour [%]."""
    savings_plan: SavingsPlan | None = None
    """Default: none."""
    capacity_block: Block | None = None
    """An EC2 Capacity Block for ML: `aws ec2 describe-capacity-block-offerings` says its price."""
    training_plan: Block | None = None
    """A SageMaker training plan for HyperPod: `aws sagemaker search-training-plan-offerings`."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Budget:
    """Money that may be spent."""

    usd_per_month: Annotated[int, Field(ge=1)]
    """[USD/month]; `plan` warns when running all nodes day and night costs more."""
    emails: Annotated[tuple[Annotated[str, Field(pattern=EMAIL)], ...], Field(max_length=10)] = ()
    """Who gets a mail at 50, 80 and 100 % of it, and when AWS foresees more. Costs are counted by
    the tag `disagg:environment`: activate it in the billing console. Default: nobody."""
    topic: bool = False
    """Whether the same goes to an encrypted SNS topic too, for an incident tool or a chat: its ARN
    is in `/disagg/<name>/security/spending-topic`. AWS stops nothing by itself."""

    @property
    def tells_anybody(self) -> bool:
        """Whether AWS is to watch it: somebody or something is told."""
        return bool(self.emails) or self.topic


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Environment:
    """One environment: the whole file."""

    apiVersion: Literal["disagg/v1"]  # noqa: N815  Why: the key of the file, as Kubernetes users expect it.
    """Version of the format of this file."""
    name: Annotated[str, Field(pattern=NAME, examples=["pilot"])]
    """Names stacks (`Disagg-Pilot-Network`), the cluster and namespaces: 1 to 30 of a-z, 0-9 and
    -."""
    aws: Aws
    network: Network
    cluster: Cluster
    capacity: Capacity
    serving: Serving
    workload: Workload
    slo: Slo | None = None
    """Default: nothing is promised."""
    budget: Budget | None = None
    """Default: nothing is said of money."""
    pricing: Pricing = Field(default_factory=Pricing)
    images: Annotated[ImageSource, Field(discriminator="kind")] = Field(default_factory=Upstream)
    """Where nodes pull images from. Default: where they are published."""
    add_ons: AddOns = Field(default_factory=AddOns)
    delivery: Delivery | None = None
    """Default: nothing of GitOps; you install with helmfile and kubectl."""
    measurements: tuple[Measurement, ...] = ()
    """Measured operating points of this model on these nodes, by hand: they calibrate the
    planner."""
    results: tuple[Result, ...] = ()
    """The same, from files of a benchmark tool."""
    overrides: Overrides = Field(default_factory=Overrides)
    """Changes to what is rendered, for what no other key says. Default: none."""

    @property
    def closed(self) -> bool:
        """Whether nothing in the VPC reaches the internet."""
        return self.network.internet == "none"

    @property
    def cluster_name(self) -> str:
        """Name of the EKS cluster."""
        if self.cluster.existing is not None:
            return self.cluster.existing.name
        return f"{self.aws.name_prefix or 'disagg'}-{self.name}"

    @property
    def parameter_path(self) -> str:
        """Where SSM parameters of the environment are."""
        return f"/{self.aws.name_prefix or 'disagg'}/{self.name}"

    @property
    def stack_prefix(self) -> str:
        """First word of every stack's name."""
        return self.aws.name_prefix or "Disagg"

    @property
    def serving_namespace(self) -> str:
        """Namespace of the model servers."""
        return f"{self.name}-serving"

    @property
    def router_namespace(self) -> str:
        """Namespace of the router."""
        return f"{self.name}-router"
