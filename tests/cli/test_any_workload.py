"""Whatever a sound workload says, every verb answers with finite data, and never yes on a guess."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disagg.catalog.models import MODELS
from disagg.cli import main

TYPES = ["p6-b200.48xlarge", "p6-b300.48xlarge", "p5en.48xlarge", "p5.48xlarge", "g6e.48xlarge"]


VERSIONS = {"size": 1, "decide": 1, "cost": 2}


REPEATED = st.one_of(
    st.fixed_dictionaries({"prefix_reuse": st.floats(0, 1, exclude_max=True)}),
    st.fixed_dictionaries({"turns": st.integers(1, 10_000)}),
)
"""What stood in an earlier prompt, in both ways to say it, up to nearly all of it."""


@st.composite
def workloads(draw: st.DrawFn) -> dict[str, Any]:
    inputs = draw(st.integers(1, 60_000))
    outputs = draw(st.integers(1, 4_000))
    load = draw(
        st.one_of(
            st.fixed_dictionaries({"concurrency": st.integers(1, 5_000)}),
            st.fixed_dictionaries({"requests_per_second": st.floats(1e-3, 2e3)}),
        )
    )
    spread = draw(st.one_of(st.none(), st.floats(1.1, 3.5)))
    slo = draw(
        st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {"ttft_p95_ms": st.integers(300, 20_000), "tpot_p95_ms": st.integers(2, 200)}
            ),
        )
    )
    return {
        "apiVersion": "disagg/v1",
        "kind": "Workload",
        "model": draw(st.sampled_from(sorted(MODELS))),
        "instance_type": draw(st.sampled_from(TYPES)),
        "workload": {
            "input_tokens": inputs,
            "output_tokens": outputs,
            **({} if spread is None else {"input_tokens_p95": int(inputs * spread) + 1}),
            **draw(REPEATED),
            **load,
        },
        **({} if slo is None else {"slo": slo}),
        "search": {
            "gpus": draw(st.sampled_from([8, 32])),
            "spare_engines": draw(st.integers(0, 1)),
            "data_parallel": draw(st.booleans()),
        },
    }


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(finite(one) for one in value.values())
    if isinstance(value, list):
        return all(finite(one) for one in value)
    return not isinstance(value, float) or math.isfinite(value)


@pytest.mark.slow
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=workloads())
def test_every_verb_answers_with_finite_figures(
    data: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "workload.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    for verb in ("size", "decide", "cost"):
        code = main([verb, str(file), "--predictor", "roofline", "--accept-stale", "-o", "json"])
        said = capsys.readouterr()
        assert code in {0, 2, 64}, said.err
        if code == 64:
            # A file that cannot be answered says what it needs.
            assert "; need " in said.err
            continue
        found = json.loads(said.out)
        assert found["schema_version"] == VERSIONS[verb]
        assert finite(found)
        if verb == "decide":
            assert code == 2
            assert found["answer"] in {"no", "measure first"}


@pytest.mark.parametrize("repeated", [{"prefix_reuse": 0.9999}, {"turns": 10_000}])
def test_prompts_that_were_nearly_all_there_before_still_cost_their_last_token(
    repeated: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = {
        "apiVersion": "disagg/v1",
        "kind": "Workload",
        "model": "openai/gpt-oss-120b",
        "instance_type": "p6-b200.48xlarge",
        "workload": {"input_tokens": 10, "output_tokens": 10, "concurrency": 3, **repeated},
    }
    file = tmp_path / "workload.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    assert main(["size", str(file), "-o", "json"]) == 0
    assert finite(json.loads(capsys.readouterr().out))
