"""Section `serving`: model, pools, router, and how the KV cache travels."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.catalog.images import DEFAULT_IMAGE_PROFILE
from disagg.config.form import STRICT, Count, TensorParallel
from disagg.config.gateway import Gateway
from disagg.config.router import Router
from disagg.config.weights import HuggingFace, WeightsSource


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
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


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class BaselinePool:
    """Plain vLLM for the comparison: rendered with no replicas, to be scaled up by hand."""

    tensor_parallel: TensorParallel = 4
    """GPUs of one pod."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class KvTransfer:
    """How the KV cache travels from prefill to decode (NIXL over EFA)."""

    failure_policy: Literal["fail", "recompute"] = "fail"
    """`fail` answers 500 when a transfer is lost; `recompute` hides it by prefilling again on
    decode."""
    lease_seconds: Annotated[int, Field(ge=10, le=3_600)] = 30
    """How long prefill keeps a finished KV cache for decode to fetch [s]."""
    block_size: Literal[16, 32, 64, 128] = 128
    """Tokens of one KV block, equal on both roles; larger blocks need fewer transfers."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Serving:
    """What runs on the GPU nodes."""

    model: Annotated[str, Field(examples=["openai/gpt-oss-120b"])]
    """A model of the catalogue, by its Hugging Face id."""
    image_profile: str = DEFAULT_IMAGE_PROFILE
    """One tested set of vLLM, NIXL, router and sidecar; parts are never mixed."""
    weights: Annotated[WeightsSource, Field(discriminator="kind")] = Field(
        default_factory=HuggingFace
    )
    """Where pods get the model. Default: each from Hugging Face."""
    cache: Literal["pod", "node"] = "pod"
    """Where downloads and compiled kernels lie on the node's NVMe. `pod`: in a directory that goes
    with the pod. `node`: in one that all pods of a node share and that outlives them."""
    max_context_tokens: Annotated[int, Field(ge=1)] | None = None
    """Longest prompt and answer together. Default: what the model allows."""
    prefill: Pool
    decode: Pool
    baseline: BaselinePool = Field(default_factory=BaselinePool)
    placement: Literal["separate_nodes", "colocate"] = "separate_nodes"
    """`separate_nodes`: a node group for each role. `colocate`: both roles on the nodes of
    `capacity.shared`."""
    router: Router = Field(default_factory=Router)
    gateway: Gateway = Field(default_factory=Gateway)
    kv_transfer: KvTransfer = Field(default_factory=KvTransfer)
    pod_privilege: Literal["ipc_lock", "privileged"] = "ipc_lock"
    """What pods may do to register GPU memory for RDMA; `privileged` is the fallback where IPC_LOCK
    is refused."""
