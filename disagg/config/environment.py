"""The environment file as frozen dataclasses: parser, JSON schema and types in one definition.

Every field that a user can leave out has a default that works; the docstring below a field is its
help text in editors (`schemas/environment.schema.json`) and says what the default does.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from disagg.catalog.images import DEFAULT_IMAGE_PROFILE
from disagg.catalog.kubernetes import DEFAULT_KUBERNETES_VERSION
from disagg.config.counts import Count, CountOrNone, TensorParallel
from disagg.config.measurement import Measurement, Result

_STRICT = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)

ACCOUNT = r"^[0-9]{12}$"
NAME = r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$"
RESERVATION = r"^cr-[0-9a-f]{8,17}$"
RESOURCE_GROUP = r"^arn:aws[a-z-]*:resource-groups:[a-z0-9-]+:[0-9]{12}:group/.+$"
_GROUP = "arn:aws:resource-groups:us-west-2:123456789012:group/gpu"
UTC_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
PATTERNS = {
    RESERVATION: "the id of a capacity reservation, cr- and 8 to 17 hexadecimal digits",
    RESOURCE_GROUP: "the ARN of a resource group",
    UTC_TIME: "a time in UTC such as 2027-03-01T11:30:00Z",
    ACCOUNT: "twelve digits",
    NAME: "1 to 30 of a-z, 0-9 and -, a letter first and no - last",
}
"""Patterns of text keys, in words."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Aws:
    """The account and region everything is created in."""

    account: Annotated[str, Field(pattern=ACCOUNT, examples=["123456789012"])]
    """Twelve digits, quoted: YAML would drop a leading zero."""
    region: Annotated[str, Field(examples=["us-west-2"])]
    """Region that offers the instance types named under `capacity`."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Network:
    """The VPC. Zones are named by id (`usw2-az2`), which means the same place in every account."""

    cidr: Annotated[str, Field(examples=["10.42.0.0/16"])] = "10.42.0.0/16"
    """IPv4 range of the VPC, /16 to /22. The first half is the fabric subnet."""
    availability_zone_ids: Annotated[tuple[str, ...], Field(min_length=2, max_length=6)]
    """Two to six zones; the EKS control plane needs two."""
    fabric_zone_id: str
    """The zone of every GPU node: EFA traffic does not leave a zone."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Cluster:
    """The Kubernetes control plane and the small nodes that carry what is not a model server."""

    platform: Literal["eks"] = "eks"
    """Who runs Kubernetes."""
    kubernetes_version: str = DEFAULT_KUBERNETES_VERSION
    """Minor version, quoted."""
    endpoint: Literal["private"] = "private"
    """The API server answers inside the VPC only."""
    service_cidr: str = "172.20.0.0/16"
    """IPv4 range of Kubernetes services; must not overlap the VPC. Cannot change later."""
    client_cidrs: tuple[str, ...] = ()
    """Private ranges beyond the VPC that reach the API server and the router, such as a VPN's."""
    administrators: Annotated[tuple[str, ...], Field(min_length=1)]
    """IAM role ARNs that get cluster-admin; without one nobody can enter."""
    system_instance_type: str = "m7i.2xlarge"
    """Type of the nodes for the router, DNS and controllers."""
    system_nodes: Annotated[int, Field(ge=2, le=20)] = 2
    """Number of those nodes; two at least, in different zones."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class OnDemand:
    """Capacity bought by the hour when it is needed, if the zone has it."""

    kind: Literal["on_demand"] = "on_demand"
    """By the hour, at the list price."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Reservation:
    """Capacity you hold already: an on-demand capacity reservation (ODCR), paid used or not."""

    kind: Literal["reservation"]
    """Targeted: nodes start in it and nowhere else."""
    id: Annotated[str, Field(pattern=RESERVATION, examples=["cr-0123456789abcdef0"])] | None = None
    """Give this or `resource_group`."""
    resource_group: Annotated[str, Field(pattern=RESOURCE_GROUP, examples=[_GROUP])] | None = None
    """ARN of a resource group of reservations. Give this or `id`."""
    instances: Count
    """Instances it holds, as `aws ec2 describe-capacity-reservations` says."""
    zone_id: str
    """Zone it is in; `network.fabric_zone_id` must be the same."""
    placement_group: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Cluster placement group it was made in; its nodes start in that one. Default: made in
    none."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class CapacityBlock:
    """An EC2 Capacity Block for ML: bought for a time, paid up front; buy it before you deploy."""

    kind: Literal["capacity_block"]
    """AWS ends its instances from 30 minutes before the end."""
    id: Annotated[str, Field(pattern=RESERVATION, examples=["cr-0123456789abcdef0"])]
    """Its capacity reservation."""
    instances: Count
    """Instances it holds."""
    zone_id: str
    """Zone it is in; `network.fabric_zone_id` must be the same."""
    end: Annotated[str, Field(pattern=UTC_TIME, examples=["2027-03-01T11:30:00Z"])]
    """When it ends, in UTC, as `aws ec2 describe-capacity-reservations` says."""
    drain_minutes: Annotated[int, Field(ge=5, le=1_440)] = 60
    """How long before AWS empties the group the drain begins [minutes]: a message says so then."""


CapacitySource = OnDemand | Reservation | CapacityBlock


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class GpuGroup:
    """One EKS node group of GPU nodes in the fabric zone."""

    instance_type: Annotated[str, Field(examples=["p6-b200.48xlarge"])]
    """A GPU type of the catalogue; it decides GPUs, EFA devices and interfaces of a node."""
    nodes: Count
    """Nodes the layout is planned for: the largest size of the group."""
    desired_nodes: CountOrNone = 0
    """Nodes to run now. 0 creates the group empty, so that creation costs nothing and cannot fail
    for capacity."""
    source: Annotated[CapacitySource, Field(discriminator="kind")] = Field(default_factory=OnDemand)
    """How the capacity is bought. Default: on demand."""
    root_volume_gib: Annotated[int, Field(ge=50, le=16_384)] = 200
    """Encrypted root volume [GiB], for the system; images, logs and models are on the NVMe."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Capacity:
    """GPU node groups: `prefill` and `decode` for separate nodes, `shared` for colocation."""

    prefill: GpuGroup | None = None
    """Nodes of the prefill pods, with `serving.placement: separate_nodes`."""
    decode: GpuGroup | None = None
    """Nodes of the decode pods, with `serving.placement: separate_nodes`."""
    shared: GpuGroup | None = None
    """Nodes of both roles, with `serving.placement: colocate`."""
    placement_group: Literal["auto", "cluster", "none"] = "auto"
    """`auto` makes a cluster placement group when on-demand groups hold two nodes or more.
    Reservations use the one they were made in, Capacity Blocks none: they are near already."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Pool:
    """Model server pods of one role, all alike."""

    replicas: Count
    """Number of pods."""
    tensor_parallel: TensorParallel
    """GPUs of one pod."""
    cpu: Annotated[int, Field(ge=1, le=1024)] | None = None
    """CPU cores of one pod. Default: 8 for each GPU."""
    memory_gib: Annotated[int, Field(ge=1, le=16_384)] | None = None
    """RAM of one pod [GiB], `/dev/shm` included. Default: 64 for each GPU, and `shm_gib` on top."""
    shm_gib: Annotated[int, Field(ge=1, le=4_096)] = 16
    """Size of `/dev/shm` [GiB]; it counts against the pod's memory."""
    huge_pages_mib: Annotated[int, Field(ge=0, le=1_048_576, multiple_of=2)] = 0
    """2 MiB huge pages of one pod [MiB]. 0 tells libfabric to do without; the driver keeps 10,256
    MiB a node."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class BaselinePool:
    """Plain vLLM for the comparison: rendered with no replicas, to be scaled up by hand."""

    tensor_parallel: TensorParallel = 4
    """GPUs of one pod."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Router:
    """The endpoint picker (EPP) in front of both pools."""

    policy: Literal["load_aware", "prefix_aware"] = "prefix_aware"
    """`prefix_aware` sends a prompt where its prefix is cached; `load_aware` looks at queues
    only."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class KvTransfer:
    """How the KV cache travels from prefill to decode (NIXL over EFA)."""

    failure_policy: Literal["fail", "recompute"] = "fail"
    """`fail` answers 500 when a transfer is lost; `recompute` hides it by prefilling again on
    decode."""
    lease_seconds: Annotated[int, Field(ge=10, le=3_600)] = 30
    """How long prefill keeps a finished KV cache for decode to fetch [s]."""
    block_size: Literal[16, 32, 64, 128] = 128
    """Tokens of one KV block, equal on both roles; larger blocks need fewer transfers."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Serving:
    """What runs on the GPU nodes."""

    model: Annotated[str, Field(examples=["openai/gpt-oss-120b"])]
    """A model of the catalogue, by its Hugging Face id."""
    image_profile: str = DEFAULT_IMAGE_PROFILE
    """One tested set of vLLM, NIXL, router and sidecar; parts are never mixed."""
    max_context_tokens: Annotated[int, Field(ge=1)] | None = None
    """Longest prompt and answer together. Default: what the model allows."""
    prefill: Pool
    decode: Pool
    baseline: BaselinePool = Field(default_factory=BaselinePool)
    placement: Literal["separate_nodes", "colocate"] = "separate_nodes"
    """`separate_nodes`: a node group for each role. `colocate`: both roles on the nodes of
    `capacity.shared`."""
    router: Router = Field(default_factory=Router)
    kv_transfer: KvTransfer = Field(default_factory=KvTransfer)
    pod_privilege: Literal["ipc_lock", "privileged"] = "ipc_lock"
    """What pods may do to register GPU memory for RDMA; `privileged` is the fallback where IPC_LOCK
    is refused."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
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


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Slo:
    """Latency promised to clients."""

    ttft_p95_ms: Annotated[int, Field(ge=1)]
    """Time to first token, 95th percentile [ms]."""
    tpot_p95_ms: Annotated[int, Field(ge=1)]
    """Time for each further token, 95th percentile [ms]."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    """Probability with which a layout must meet both, given how sure the prediction is."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class SavingsPlan:
    """A commitment for one or three years: cheaper by the hour, paid day and night."""

    discount_percent: Annotated[float, Field(gt=0, lt=100, examples=[35])]
    """How much less than on demand, as your account's price list says [%]."""
    years: Literal[1, 3] = 1
    """Term of the commitment."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Block:
    """Nodes bought for a time, all of it paid up front."""

    upfront_usd: Annotated[float, Field(gt=0, examples=[51_000])]
    """What the offer says for all nodes and the whole time [USD]."""
    nodes: Count
    """Nodes of the offer."""
    hours: Annotated[int, Field(ge=1, le=26_280)]
    """Length of the offer [h]."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
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


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Budget:
    """Money that may be spent."""

    usd_per_month: Annotated[int, Field(ge=1)]
    """[USD/month]; `plan` warns when running all nodes day and night costs more."""


@dataclass(frozen=True, kw_only=True, slots=True, config=_STRICT)
class Environment:
    """One environment: the whole file."""

    apiVersion: Literal["disagg/v1"]  # noqa: N815  Why: the key of the file, as Kubernetes users expect it.
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
    budget: Budget | None = None
    pricing: Pricing = Field(default_factory=Pricing)
    measurements: tuple[Measurement, ...] = ()
    """Measured operating points of this model on these nodes, by hand: they calibrate the
    planner."""
    results: tuple[Result, ...] = ()
    """The same, from files of a benchmark tool."""

    @property
    def cluster_name(self) -> str:
        """Name of the EKS cluster."""
        return f"disagg-{self.name}"

    @property
    def serving_namespace(self) -> str:
        """Namespace of the model servers."""
        return f"{self.name}-serving"

    @property
    def router_namespace(self) -> str:
        """Namespace of the router."""
        return f"{self.name}-router"
