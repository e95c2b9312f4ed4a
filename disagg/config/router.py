"""Key `serving.router`: how the endpoint picker chooses pods."""

from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.config.form import HEADER, STRICT, Count

_WEIGHTS = {"prefill": 1, "decode": 2}


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class FlowControl:
    """A queue in the picker for what the pods cannot take, fair between tenants."""

    queue_seconds: Annotated[int, Field(ge=1, le=600)] = 60
    """How long a request may wait there; then it is answered 503 [s]."""
    max_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000
    """Requests in the queue and in flight at once; one more is answered 429."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class RouterPlugin:
    """A plugin of the picker: one more, or other parameters of one that is there."""

    type: Annotated[str, Field(examples=["lora-affinity-scorer"])]
    """Its type, of the router of the image profile."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Its parameters; they replace those of the same name where the type is there already."""
    weights: dict[Literal["prefill", "decode"], Annotated[float, Field(gt=0, le=1_000)]] = Field(
        default_factory=dict, examples=[_WEIGHTS]
    )
    """Weight in the profile of each role, for a scorer only. Default: in no profile, or as it
    is."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class Router:
    """The endpoint picker (EPP) in front of both pools."""

    policy: Literal["load_aware", "prefix_aware", "prefix_precise"] = "prefix_aware"
    """`load_aware` looks at queues only. `prefix_aware` sends a prompt where its prefix should be,
    by what was sent there before. `prefix_precise` asks what is cached: pods tell each block they
    store and drop, and prompts are tokenized by two small pods."""
    decider: Literal["always_disaggregate", "prefix_based"] = "always_disaggregate"
    """`prefix_based` lets decode read short prompts itself, and those it has most of in its
    cache."""
    threshold_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """From how many tokens that decode does not have cached `prefix_based` sends a prompt to
    prefill. Default: where reading it on decode takes as long as fetching it."""
    flow_control: FlowControl | None = None
    """Default: none; requests queue in the pods they were sent to."""
    session_header: Annotated[str, Field(pattern=HEADER, examples=["x-session-id"])] | None = None
    """Request header whose value names a session: its requests prefer the pods of the last one.
    An alpha plugin of the router. Default: none."""
    metrics_interval_ms: Annotated[Count, Field(ge=50, le=1_000)] | None = None
    """How often the picker polls each pod's metrics [ms]. Default: by the number of pods, 200 ms up
    to 13."""
    plugins: tuple[RouterPlugin, ...] = ()
    """More plugins, or other parameters of those that are there."""
