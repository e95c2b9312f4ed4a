"""A question with everything an answer needs: traffic, promises, prices, and what is known."""

from dataclasses import dataclass, replace
from typing import Any

from disagg.catalog.instances import INSTANCE_TYPES, InstanceType
from disagg.catalog.models import Model
from disagg.config.environment import Environment, Slo
from disagg.config.workload import LARGEST_SEARCH_GPUS, Assumptions, Question, Search
from disagg.planner.layout import groups as gpu_groups
from disagg.planner.money.purchase import NodePrice
from disagg.planner.performance.bands import EXACT, Bands
from disagg.planner.performance.calibration import Point
from disagg.planner.performance.estimate import Estimate, estimate
from disagg.planner.performance.knowledge import Knowledge
from disagg.planner.performance.layouts import Engines, Layout
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.setting import Setting
from disagg.planner.performance.traffic import Shape, traffic
from disagg.units import HOURS_PER_MONTH

SECONDS_PER_MONTH = HOURS_PER_MONTH * 3_600
_GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A question, checked, with the model, the prices and the predictor that answer it."""

    question: Question
    name: str
    """File it came from."""
    model: Model
    instance: InstanceType
    knowledge: Knowledge
    listed: NodePrice | None
    """Of one node; None where neither a list nor the user names a price."""
    setting: Setting

    @property
    def price(self) -> NodePrice:
        """Price of one node.

        Raises:
            ValueError: None is known; DISAGG-PRC-005 has said so wherever money is asked for.
        """
        if self.listed is None:
            raise ValueError(f"no price of {self.instance.name}")
        return self.listed

    @property
    def slo(self) -> Slo | None:
        """What is promised to clients."""
        return self.question.slo

    def estimate(self, layout: Layout, slo: Slo | None = None) -> Estimate:
        """Return what a layout does under the workload, with the bands of its own engines."""
        return estimate(self.at(layout), layout, slo or self.slo)

    def exact(self, layout: Layout) -> Estimate:
        """Return what a layout would do if every prediction were exact: without any band."""
        setting = replace(self.setting, bands=EXACT, engines=self.setting.engines)
        return estimate(setting, layout, self.slo)

    def at(self, layout: Layout) -> Setting:
        """Return the setting with the bands of a layout."""
        return replace(self.setting, bands=self.bands(layout), engines=self.setting.engines)

    def bands(self, layout: Layout) -> Bands:
        """Return how sure predictions of a layout are."""
        return self.knowledge.bands(layout, self.setting.traffic.shape())

    def usd_per_hour(self, layout: Layout) -> float:
        """Return what the nodes of a layout cost [USD/h]."""
        return layout.nodes * self.price.usd_per_hour

    def volume(self, rate: float) -> float:
        """Return the output tokens of a month: as given, else what the peak load gives.

        Args:
            rate: Requests a second at the peak [1/s].
        """
        workload = self.question.workload
        if workload.output_tokens_per_month is not None:
            return workload.output_tokens_per_month
        return rate * workload.output_tokens * SECONDS_PER_MONTH * workload.mean_over_peak

    @property
    def mean_over_peak(self) -> float:
        """Mean load over peak load."""
        return self.question.workload.mean_over_peak


def setting_of(
    question: Question, model: Model, instance: InstanceType, knowledge: Knowledge
) -> Setting:
    """Return the setting of a question; its bands are those of an uncalibrated layout."""
    serving = question.serving
    demand = traffic(question.workload)
    layout = Layout(
        instance=instance, engines=Engines(worker=Worker(tensor_parallel=instance.gpus), count=1)
    )
    return Setting(
        model=model,
        instance=instance,
        predictor=knowledge.predictor,
        bands=knowledge.bands(layout, demand.shape()),
        traffic=demand,
        hybrid=serving.hybrid_kv_cache,
        block_size=serving.block_size,
        prefix_aware=serving.router_policy != "load_aware",
        ram_bytes_per_gpu=serving.ram_cache_gib_per_gpu * _GIB,
        disk_bytes_per_gpu=serving.disk_cache_gib_per_gpu * _GIB,
    )


def question_of(environment: Environment, *, hybrid: bool) -> Question:
    """Return the question that an environment asks: its model, nodes, traffic and promises.

    Args:
        environment: A checked environment.
        hybrid: Whether the hybrid KV cache manager is on in its image profile.
    """
    groups = environment.capacity
    first = groups.decode or groups.shared
    assert first is not None  # noqa: S101  Why: a checked environment has one of them.
    serving = environment.serving
    own = sum(
        group.nodes * INSTANCE_TYPES[group.instance_type].gpus
        for group in gpu_groups(groups).values()
    )
    return Question(
        apiVersion="disagg/v1",
        kind="Workload",
        model=serving.model,
        instance_type=first.instance_type,
        region=environment.aws.region,
        serving=Assumptions(
            hybrid_kv_cache=hybrid,
            block_size=serving.kv_transfer.block_size,
            router_policy=serving.router.policy,
        ),
        workload=environment.workload,
        search=Search(gpus=min(LARGEST_SEARCH_GPUS, max(Search().gpus, own))),
        slo=environment.slo,
        pricing=environment.pricing,
        budget=environment.budget,
        measurements=environment.measurements,
        results=environment.results,
    )


def one_type(environment: Environment) -> bool:
    """Tell whether all GPU nodes are of one type: the only case that speed is predicted for."""
    return len({group.instance_type for group in gpu_groups(environment.capacity).values()}) == 1


def layout_of(environment: Environment) -> Layout:
    """Return the layout of an environment's pools, whose nodes are of one type."""
    groups, serving = environment.capacity, environment.serving
    first = groups.decode or groups.shared
    assert first is not None  # noqa: S101  Why: a checked environment has one of them.

    def pool(one: Any) -> Engines:
        return Engines(worker=Worker(tensor_parallel=one.tensor_parallel), count=one.replicas)

    made = Layout(
        instance=INSTANCE_TYPES[first.instance_type],
        engines=pool(serving.decode),
        prefill=pool(serving.prefill),
        colocated=serving.placement == "colocate",
    )
    billed = sum(group.nodes for group in gpu_groups(groups).values())
    return replace(made, idle_nodes=max(0, billed - made.nodes))


def points_of(question: Question) -> tuple[Point, ...]:
    """Return the measured points of engines that do everything."""
    return tuple(
        Point(
            worker=Worker(tensor_parallel=one.tensor_parallel),
            batch=one.concurrency / one.replicas,
            shape=Shape(input_tokens=one.input_tokens, output_tokens=one.output_tokens),
            tpot_ms=one.tpot_ms,
            weight=float(one.runs),
            label=one.label,
        )
        for one in question.measurements
        if one.prefill is None
    )
