"""The predictor on kernel measurements, and whether what was recorded of it still is what it says.

Without the extra `silicon` these are skipped, aloud: `make silicon` installs it.
"""

from pathlib import Path

import pytest

from disagg.bench.silicon import installed

if not installed():
    pytest.skip(
        "aiconfigurator-core is not installed: recorded answers were not compared with it"
        " (make silicon)",
        allow_module_level=True,
    )

from planning import shipped

from disagg.bench.asking import Choice
from disagg.bench.recorded import ANSWERS, ROWS, record
from disagg.bench.sample_models import PREDICTORS
from disagg.bench.silicon import silicon_for
from disagg.bench.silicon_sample import rows, sample_path
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS
from disagg.planner.performance.predictor import Worker
from disagg.planner.performance.traffic import Shape

SAMPLE = rows(sample_path())
RECORDED = Path(__file__).parent / "recorded"


def test_the_shown_case_is_the_packages_own_figure() -> None:
    # Source: planner facts S1, aiconfigurator 0.12.0 on gpt-oss-120b, H200, tp 4, 1,024 in and out.
    model = silicon_for(MODELS["openai/gpt-oss-120b"], INSTANCE_TYPES["p5en.48xlarge"])
    shape, four = Shape(input_tokens=1024, output_tokens=1024), Worker(tensor_parallel=4)
    for batch, said in {4: 3.70, 8: 4.48, 16: 5.26, 32: 6.28, 64: 8.85}.items():
        tpot = model.decode_ms(four, batch, shape) + (
            batch * model.prompt_ms(four, batch, shape) / 1024
        )
        assert tpot == pytest.approx(said, abs=0.06)


def test_between_nodes_efa_counts_and_not_the_packages_faster_network() -> None:
    ask = shipped("article", Choice.SILICON)
    assert "EFA line rate" in ask.knowledge.predictor.origin.reference


def test_what_was_recorded_is_what_the_package_says(tmp_path: Path) -> None:
    record(SAMPLE, PREDICTORS["silicon"], tmp_path)
    for name in (ROWS, ANSWERS):
        assert (tmp_path / name).read_bytes() == (RECORDED / name).read_bytes(), name
