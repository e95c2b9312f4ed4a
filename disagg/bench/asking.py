"""From a checked question to one that can be answered: predictor, calibration, price."""

from dataclasses import replace
from enum import StrEnum

from disagg.bench.results import measurements
from disagg.bench.silicon import installed, known, silicon_for
from disagg.catalog.gpus import GPUS
from disagg.catalog.instances import INSTANCE_TYPES, InstanceType
from disagg.catalog.models import Model
from disagg.catalog.prices import OFFERS, Prices
from disagg.checks.question import Asked
from disagg.config.workload import Question
from disagg.errors import InvalidInputError, Problem
from disagg.planner.ask import Ask, points_of, setting_of
from disagg.planner.cost import mean_price
from disagg.planner.money.purchase import node_price
from disagg.planner.performance.knowledge import learn
from disagg.planner.performance.kv_room import MEASURE_AGAIN, unheld
from disagg.planner.performance.predictor import Predictor
from disagg.planner.performance.roofline import Roofline


class Choice(StrEnum):
    """Which predictor answers."""

    AUTO = "auto"
    """`silicon` where it is installed and knows the pair, else `roofline`."""
    SILICON = "silicon"
    ROOFLINE = "roofline"


def predictor_of(
    choice: Choice, model: Model, instance: InstanceType, *, hybrid: bool
) -> Predictor:
    """Return the predictor that answers for a model on an instance type.

    Raises:
        MissingToolError: `silicon` is asked for and not installed.
        SiliconDataError: It does not know the pair.
    """
    if choice is Choice.SILICON or (
        choice is Choice.AUTO and installed() and known(model, instance)
    ):
        return silicon_for(model, instance)
    return Roofline(model=model, gpu=GPUS[instance.gpu_name], hybrid=hybrid)


def asking(asked: Asked, prices: Prices, choice: Choice = Choice.AUTO) -> Ask:
    """Return a question that can be answered.

    Raises:
        InvalidInputError: A result file is wrong, or of engines that cannot be (DISAGG-ASK-009).
        MissingToolError: See `predictor_of`.
        SiliconDataError: See `predictor_of`.
    """
    question = replace(
        asked.question,
        measurements=measurements(asked.question, asked.file.parent),
        results=(),
    )
    instance = INSTANCE_TYPES[question.instance_type]
    hybrid = question.serving.hybrid_kv_cache
    _possible(question, asked, instance)
    base = predictor_of(choice, asked.model, instance, hybrid=hybrid)
    knowledge = learn(asked.model, instance.gpu_name, base, points_of(question))
    if asked.environment is not None:
        price = mean_price(asked.environment, prices)
    else:
        offer = OFFERS[question.platform]
        price = node_price(prices, instance.name, question.region, question.pricing, offer)
    return Ask(
        question=question,
        name=asked.file.as_posix(),
        model=asked.model,
        instance=instance,
        knowledge=knowledge,
        listed=price,
        setting=setting_of(question, asked.model, instance, knowledge),
    )


def _possible(question: Question, asked: Asked, instance: InstanceType) -> None:
    """Refuse points of result files that no such engine can have; those by hand were checked."""
    hybrid = question.serving.hybrid_kv_cache
    problems = [
        Problem(
            code="DISAGG-ASK-009",
            file=(asked.file.parent / one.label).as_posix(),
            path="",
            got=wrong[0],
            need=wrong[1],
            fix=MEASURE_AGAIN,
        )
        for one in question.measurements[len(asked.question.measurements) :]
        if (wrong := unheld(one, asked.model, instance, hybrid=hybrid))
    ]
    if problems:
        raise InvalidInputError(problems)
