"""How wrong the predictors were on measured rows, pair by pair: the bands every answer carries.

`benchmarks/bands.py` prints these rows (`make silicon`); a test holds them to what it computes.
"""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source

RELIABILITY_SOURCE = Source(
    kind=Kind.DERIVED,
    reference=(
        "errors on the vLLM rows of aiconfigurator-core 0.12.0 systems/silicon_sample.csv"
        " (InferenceX, SemiAnalysis, measured 2025-10 to 2026-04), copies removed;"
        " split and method: docs/planner.md"
    ),
    date="2026-11-27",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """What measured rows of one pair say about one predictor; factors are measured / predicted."""

    predictor: str
    model: str
    gpu: str
    kernel: str
    """Precision of the rows' weights."""
    groups: int
    """Parallelisms that were fitted."""
    rows: int
    tpot_low: float
    tpot_high: float
    """Nine in ten uncalibrated predictions of TPOT lie between these."""
    prefill_low: float
    prefill_high: float
    """Range of the prefill scales that were fitted, widened by half."""
    prior: float
    """Standard deviation to expect of a calibrated prediction [share]."""


_TABLE = """
silicon  MiniMaxAI/MiniMax-M2.5   B200 fp4  2  57  0.212 0.577 0.919 2.653 0.148
silicon  MiniMaxAI/MiniMax-M2.5   B200 fp8  2 111  0.279 0.817 1.339 3.173 0.240
silicon  MiniMaxAI/MiniMax-M2.5   B300 fp4  2  31  0.179 0.606 1.063 3.004 0.140
silicon  MiniMaxAI/MiniMax-M2.5   B300 fp8  2  47  0.252 0.739 1.303 3.730 0.229
silicon  MiniMaxAI/MiniMax-M2.5   H100 fp8  1  15  0.216 1.490 0.401 0.902 0.509
silicon  MiniMaxAI/MiniMax-M2.5   H200 fp8  1  15  0.644 1.333 1.241 2.792 0.054
silicon  meta-llama/Llama-3.1-70B B200 fp4  4  60  0.571 1.427 0.503 1.706 0.194
silicon  meta-llama/Llama-3.1-70B B200 fp8  4  60  0.735 1.396 0.689 1.908 0.187
silicon  meta-llama/Llama-3.1-70B H100 fp8  3  45  0.773 1.552 0.251 1.900 0.204
silicon  meta-llama/Llama-3.1-70B H200 fp8  4  60  0.911 1.212 0.601 1.768 0.079
silicon  moonshotai/Kimi-K2.5     B200 fp4  2  45  0.215 2.225 0.319 0.726 0.575
silicon  moonshotai/Kimi-K2.5     B200 int4 1  35  0.674 1.041 0.562 1.265 0.126
silicon  moonshotai/Kimi-K2.5     B300 fp4  1  10  0.652 0.750 0.481 1.082 0.038
silicon  moonshotai/Kimi-K2.5     H200 int4 1  45  0.698 0.949 0.603 1.357 0.038
silicon  openai/gpt-oss-120b      B200 fp4  4  70  0.519 1.371 0.128 1.051 0.091
silicon  openai/gpt-oss-120b      H100 fp4  3  56  0.751 1.660 0.970 2.695 0.118
silicon  openai/gpt-oss-120b      H200 fp4  4  63  0.899 1.295 0.941 2.705 0.088
roofline meta-llama/Llama-3.1-70B B200 fp4  4  60  0.849 1.520 0.630 2.468 0.298
roofline meta-llama/Llama-3.1-70B B200 fp8  4  60  0.744 1.277 0.637 2.058 0.195
roofline meta-llama/Llama-3.1-70B H100 fp8  3  45  0.625 1.368 0.197 1.633 0.239
roofline meta-llama/Llama-3.1-70B H200 fp8  4  60  0.769 1.056 0.464 1.482 0.169
roofline openai/gpt-oss-120b      B200 fp4  4  70  0.676 1.300 0.739 4.948 0.168
roofline openai/gpt-oss-120b      H100 fp4  3  56  0.664 1.746 0.988 3.253 0.224
roofline openai/gpt-oss-120b      H200 fp4  4  63  0.941 1.452 0.731 2.988 0.125
"""
"""Fields as in `Reliability`, in its order."""


def _rows() -> tuple[Reliability, ...]:
    types = (str, str, str, str, int, int, float, float, float, float, float)
    found = []
    for line in _TABLE.strip().splitlines():
        values = [kind(text) for kind, text in zip(types, line.split(), strict=True)]
        names = Reliability.__dataclass_fields__
        found.append(Reliability(**dict(zip(names, values, strict=True))))
    return tuple(found)


RELIABILITY: tuple[Reliability, ...] = _rows()
"""Every pair of the sample that four training points calibrate."""

UNKNOWN: dict[str, Reliability] = {
    "silicon": Reliability(
        predictor="silicon",
        model="any other",
        gpu="any other",
        kernel="any other",
        groups=0,
        rows=0,
        tpot_low=0.247,
        tpot_high=1.404,
        prefill_low=0.191,
        prefill_high=2.487,
        prior=0.148,
    ),
    # Why wider than its rows say (0.70 to 1.28): they are of two models, and a roofline knows
    # nothing of kernels. Assumed, 2026-11-27.
    "roofline": Reliability(
        predictor="roofline",
        model="any other",
        gpu="any other",
        kernel="any other",
        groups=0,
        rows=0,
        tpot_low=0.5,
        tpot_high=2.0,
        prefill_low=0.25,
        prefill_high=4.0,
        prior=0.195,
    ),
}
"""What holds for pairs that are not in the sample, by predictor: all its rows together."""

DISAGGREGATED_RAW = (0.707, 2.129)
DISAGGREGATED_CALIBRATED = (0.628, 1.263)
"""Measured over predicted tokens/s/GPU of layouts with a prefill pool, nine in ten: 95 held-out
rows of 18 groups that four points calibrate. None is of gpt-oss or of llm-d; 7 are of vLLM."""

ALIASES = {"meta-llama/Llama-3.3-70B-Instruct": "meta-llama/Llama-3.1-70B"}
"""Models of the catalogue whose rows stand under another name of the same geometry."""
