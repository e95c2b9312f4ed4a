"""An independent discrete-event simulation of queues and engines: the oracle of the closed forms.

It knows nothing of the planner: requests arrive, wait for a server, decode token by token in a
batch whose step time depends on who is in it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import simpy

PROMPTS_A_STEP = 8
"""Prompts of 1,024 tokens in a step of 8,192."""


@dataclass
class Seen:
    """What clients saw [ms], the warm-up left out."""

    ttft: list[float] = field(default_factory=list)
    tpot: list[float] = field(default_factory=list)
    done: int = 0
    span_ms: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.done / self.span_ms * 1e3

    def percentile(self, share: float) -> float:
        ordered = sorted(self.ttft)
        return ordered[round(share * (len(ordered) - 1))]

    @property
    def mean_tpot(self) -> float:
        return fmean(self.tpot)


def waits(
    rate_per_second: float, service_ms: Callable[[random.Random], float], servers: int, count: int
) -> list[float]:
    """Return the waiting times of Poisson arrivals at servers with one line [ms]."""
    env, chance = simpy.Environment(), random.Random(1)  # noqa: S311 - a simulation, no secret
    desk = simpy.Resource(env, capacity=servers)
    found: list[float] = []

    def customer() -> Any:
        came = env.now
        with desk.request() as turn:
            yield turn
            found.append(env.now - came)
            yield env.timeout(service_ms(chance))

    def arrivals() -> Any:
        for _ in range(count):
            yield env.timeout(chance.expovariate(rate_per_second / 1e3))
            env.process(customer())

    env.process(arrivals())
    env.run()
    return found[count // 10 :]


@dataclass
class Engine:
    """Decodes a batch step by step; a step may hold prompts, which make it longer."""

    env: simpy.Environment
    step_ms: Callable[[int], float]
    prompt_ms: Callable[[int], float]
    answer: int
    batch: list[Any] = field(default_factory=list)
    prompts: list[Any] = field(default_factory=list)
    wake: Any = None

    def start(self) -> None:
        self.wake = self.env.event()
        self.env.process(self.run())

    def add(self, request: Any, *, prefilled: bool) -> None:
        (self.batch if prefilled else self.prompts).append(request)
        if not self.wake.triggered:
            self.wake.succeed()

    def run(self) -> Any:
        while True:
            if not self.batch and not self.prompts:
                self.wake = self.env.event()
                yield self.wake
            # As many prompts as the token budget of a step holds.
            taken, self.prompts = self.prompts[:PROMPTS_A_STEP], self.prompts[PROMPTS_A_STEP:]
            extra = self.prompt_ms(len(self.batch)) * len(taken)
            yield self.env.timeout(self.step_ms(len(self.batch)) + extra)
            for request in self.batch:
                request["left"] -= 1
            ended = [request for request in self.batch if request["left"] <= 0]
            self.batch = [request for request in self.batch if request["left"] > 0]
            for request in ended:
                request["over"].succeed()
            for request in taken:
                request["first"] = self.env.now
                request["left"] -= 1
            self.batch += taken


def serve(  # noqa: C901, PLR0913  Why: one plain run, told in one place.
    *,
    step_ms: Callable[[int], float],
    prompt_ms: Callable[[int], float],
    prefill_ms: float,
    answer: int,
    prefill_engines: int,
    decode_engines: int,
    between_ms: float = 0.0,
    rate: float | None = None,
    in_flight: int | None = None,
    count: int = 3_000,
) -> Seen:
    """Return what clients see; with `prefill_engines` 0 every engine does everything.

    Args:
        step_ms: Step over how many decode.
        prompt_ms: What one prompt adds to a step.
        prefill_ms: Time of a prompt on an engine that only prefills.
        answer: Tokens of an answer.
        prefill_engines: Engines that only prefill, each with its own line.
        decode_engines: Engines that decode, or do everything.
        between_ms: From the end of prefill to the decode engine.
        rate: Poisson arrivals [1/s].
        in_flight: Else so many clients, each asking again at once.
        count: Requests.
    """
    env, chance, seen = simpy.Environment(), random.Random(7), Seen()  # noqa: S311 - a simulation, no secret
    lines = [simpy.Resource(env, capacity=1) for _ in range(prefill_engines)]
    machines = [Engine(env, step_ms, prompt_ms, answer) for _ in range(decode_engines)]
    for machine in machines:
        machine.start()
    started = 0
    first_counted, last_counted = count // 5, count - count // 10
    clock = [0.0, 0.0]

    def request(number: int) -> Any:
        came = env.now
        one = {"left": answer, "over": env.event(), "first": None}
        machine = machines[number % decode_engines]
        if lines:
            # By chance, as a router without knowledge deals them.
            with chance.choice(lines).request() as turn:
                yield turn
                yield env.timeout(prefill_ms)
            yield env.timeout(between_ms)
            one["first"] = env.now
            one["left"] -= 1
            machine.add(one, prefilled=True)
        else:
            machine.add(one, prefilled=False)
        yield one["over"]
        if first_counted <= number < last_counted:
            if number == first_counted:
                clock[0] = env.now
            seen.ttft.append(one["first"] - came)
            seen.tpot.append((env.now - one["first"]) / (answer - 1))
            seen.done += 1
            clock[1] = env.now

    def open_arrivals() -> Any:
        for number in range(count):
            yield env.timeout(chance.expovariate(rate / 1e3))
            env.process(request(number))

    def client() -> Any:
        nonlocal started
        # Clients start apart, as those of a service that has run for long.
        yield env.timeout(chance.random() * answer * step_ms(1))
        while started < count:
            number, started = started, started + 1
            yield env.process(request(number))

    if rate is not None:
        env.process(open_arrivals())
    else:
        for _ in range(in_flight or 1):
            env.process(client())
    env.run()
    seen.span_ms = max(clock[1] - clock[0], 1e-9)
    return seen
