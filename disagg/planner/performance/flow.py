"""The steady state of a layout: what arrives, what decodes, what is found in the cache."""

from dataclasses import dataclass

from disagg.planner.performance.kv_room import room_bytes, stored_bytes
from disagg.planner.performance.layouts import Layout
from disagg.planner.performance.limits import (
    decode_batch,
    decode_rate,
    hand_over_ms,
    mixed_batch,
    mixed_rate,
    mixed_service,
    mixed_tpot,
)
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.prefix_cache import Hits, Tier, hits
from disagg.planner.performance.queueing import alone, closed_loop, largest
from disagg.planner.performance.setting import FRONT_END_MS, HAND_OVER_MS, Engine, Setting
from disagg.planner.performance.transfer import Link, Transfer, efa_link, fastest_rate, transfer

_SETTLED = 1e-4
_ROUNDS = 3
"""Times the cache hits and the rate they allow are worked out from each other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """What goes through a layout in a second."""

    setting: Setting
    layout: Layout
    engine: Engine
    """A decode engine, or one that does everything."""
    prefill: Engine | None
    rate: float
    """Requests a second that are served [1/s]."""
    batch: float
    """Sequences that one engine decodes at once, on average."""
    prefill_load: float
    hits: Hits
    transfer: Transfer | None
    link: Link | None

    @property
    def overloaded(self) -> bool:
        """Whether more arrives than is served."""
        asked = self.setting.traffic.rate
        return asked is not None and asked > self.rate * (1 + 1e-6)


def flow(setting: Setting, layout: Layout) -> Flow:
    """Return the steady state of a layout under the workload of the setting.

    Raises:
        ValueError: The weights do not fit an engine of the layout.
    """
    share = 0.0
    found = _hits(setting, layout, 0.0, 0.0, 0.0)
    for _ in range(_ROUNDS if setting.traffic.reuse else 1):
        now = _flow(setting, layout, share, found)
        found = _hits(setting, layout, now.rate, share, now.batch)
        if abs(found.share - share) < _SETTLED:
            break
        share = found.share
    return _flow(setting, layout, share, found)


def _flow(setting: Setting, layout: Layout, hit: float, found: Hits) -> Flow:
    engine = setting.engine(layout.engines.worker, hit)
    prefill = setting.engine(layout.prefill.worker, hit) if layout.prefill else None
    for one in (engine, prefill):
        if one is not None and not one.fits:
            raise ValueError(
                f"the weights of {setting.model.name} do not fit {one.worker} on"
                f" {setting.instance.gpu_name}"
            )
    if prefill is None or layout.prefill is None:
        return _mixed(setting, layout, engine, found)
    link = efa_link(setting.instance, prefill.worker, engine.worker)
    handed = transfer(
        setting.model,
        round(setting.traffic.inputs.mean),
        link,
        prefill.worker,
        engine.worker,
        block=setting.block_size,
        hybrid=setting.hybrid,
    )
    over_link = fastest_rate(handed, link, layout.prefill.count, layout.engines.count)
    rate = min(over_link, _two_pools(setting, layout, engine, prefill, handed))
    return Flow(
        setting=setting,
        layout=layout,
        engine=engine,
        prefill=prefill,
        rate=rate,
        batch=decode_batch(engine, rate / layout.engines.count),
        prefill_load=prefill.prefill.load(rate / layout.prefill.count),
        hits=found,
        transfer=handed,
        link=link,
    )


def _two_pools(
    setting: Setting, layout: Layout, engine: Engine, prefill: Engine, handed: Transfer
) -> float:
    assert layout.prefill is not None  # noqa: S101  Why: only called for two pools.
    count, service = layout.engines.count, prefill.prefill
    most = count * decode_rate(engine, engine.largest_batch)
    most = min(most, layout.prefill.count / service.each_at_full_batch_ms * 1e3)
    if setting.traffic.rate is not None:
        return min(setting.traffic.rate, most)
    assert setting.traffic.concurrency is not None  # noqa: S101  Why: a workload has one of both.
    loop = closed_loop(
        in_flight=setting.traffic.concurrency,
        service=service,
        workers=layout.prefill.count,
        output_tokens=setting.traffic.outputs.mean,
        decode_step_ms=lambda decoding: engine.decode_ms.at(decoding / count),
        fixed_ms=hand_over_ms(0.0, handed.usual_ms, HAND_OVER_MS[1]),
    )
    return min(loop.rate, most)


def _mixed(setting: Setting, layout: Layout, engine: Engine, found: Hits) -> Flow:
    count = layout.engines.count
    most = mixed_rate(engine, engine.largest_batch)
    if setting.traffic.rate is not None:
        rate = min(setting.traffic.rate / count, most)
        batch = mixed_batch(engine, rate)
    else:
        assert setting.traffic.concurrency is not None  # noqa: S101  Why: a workload has one.
        each = setting.traffic.concurrency / count
        batch = largest(lambda one: _in_flight(engine, one) <= each, 0.0, engine.largest_batch)
        rate = mixed_rate(engine, batch)
    return Flow(
        setting=setting,
        layout=layout,
        engine=engine,
        prefill=None,
        rate=rate * count,
        batch=batch,
        prefill_load=mixed_service(engine, max(batch, 1e-9)).load(rate),
        hits=found,
        transfer=None,
        link=None,
    )


def _in_flight(engine: Engine, batch: float) -> float:
    """Return the requests in flight of one engine when `batch` of them decode."""
    rate = mixed_rate(engine, batch)
    service = mixed_service(engine, batch)
    load = service.load(rate)
    wait = alone(service, rate).mean_ms if load < 1 else 1e9
    waiting = rate * (FRONT_END_MS + wait + service.mean_ms) / 1e3
    # Why: a request that has its first token is among those that decode.
    return waiting + rate * (engine.shape.output_tokens - 1) * mixed_tpot(engine, batch) / 1e3


def _hits(setting: Setting, layout: Layout, rate: float, share: float, batch: float) -> Hits:
    """Return what the caches of the engines that prefill find at a rate.

    Args:
        setting: The question.
        layout: Its engines.
        rate: Requests a second [1/s].
        share: Part of the prompts that was found before.
        batch: Sequences that one engine decodes: where it prefills too, they fill its memory first.
    """
    traffic, pool = setting.traffic, layout.prefill or layout.engines
    fresh = traffic.inputs.mean * (1 - share)
    written = fresh if layout.prefill else fresh + traffic.outputs.mean
    each = stored_bytes(setting.model, max(1, round(written)), pool.worker, hybrid=setting.hybrid)
    running = 0.0
    if layout.prefill is None:
        context = max(1, round(traffic.shape().mean_context))
        running = batch * stored_bytes(setting.model, context, pool.worker, hybrid=setting.hybrid)
    return hits(
        reuse=traffic.reuse,
        think_seconds=traffic.think_seconds,
        new_bytes_per_second=rate * each,
        tiers=_tiers(setting, pool.worker, pool.count, running),
        routed_to_its_cache=setting.prefix_aware,
        workers=pool.count,
    )


def _tiers(setting: Setting, worker: Worker, count: int, running: float) -> tuple[Tier, ...]:
    room = max(0.0, room_bytes(setting.model, setting.instance, worker) - running)
    tiers = [Tier(name="GPU", bytes=room * count)]
    for name, each in (("RAM", setting.ram_bytes_per_gpu), ("disk", setting.disk_bytes_per_gpu)):
        if each:
            tiers.append(Tier(name=name, bytes=each * worker.gpus * count))
    return tuple(tiers)
