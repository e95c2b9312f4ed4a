"""A question that two measured prototypes answer with yes, and its parts."""

from pathlib import Path

from planning import asked

from disagg.planner.decision.sizing import size
from disagg.planner.decision.verdict import Decision, decide

TEAM = "team: {kubernetes: experienced, rdma: experienced, on_call: true}\n"
HEAVY = (
    "model: openai/gpt-oss-120b\n"
    "workload: {input_tokens: 8192, output_tokens: 512, requests_per_second: 200}\n"
    "slo: {ttft_p95_ms: 2000, tpot_p95_ms: 10}\n"
)
BASELINE = """measurements:
  - {tensor_parallel: 1, input_tokens: 1024, output_tokens: 1024, concurrency: 16, tpot_ms: 5.84}
  - {tensor_parallel: 1, input_tokens: 1024, output_tokens: 1024, concurrency: 64, tpot_ms: 10.50}
  - {tensor_parallel: 1, input_tokens: 8192, output_tokens: 1024, concurrency: 32, tpot_ms: 9.70}
  - {tensor_parallel: 1, input_tokens: 8192, output_tokens: 1024, concurrency: 64, tpot_ms: 14.24}
"""
LARGER = """\
  - {tensor_parallel: 2, input_tokens: 1024, output_tokens: 1024, concurrency: 16, tpot_ms: 4.9}
  - {tensor_parallel: 2, input_tokens: 1024, output_tokens: 1024, concurrency: 64, tpot_ms: 7.6}
  - {tensor_parallel: 2, input_tokens: 8192, output_tokens: 1024, concurrency: 32, tpot_ms: 7.1}
  - {tensor_parallel: 2, input_tokens: 8192, output_tokens: 1024, concurrency: 64, tpot_ms: 9.6}
"""


def pair(tokens_of_pools: float) -> str:
    """Return a measured single engine and a measured prototype with so many times its tokens."""
    concurrency = 30 * 8 * tokens_of_pools
    return (
        "  - {tensor_parallel: 1, input_tokens: 8192, output_tokens: 512, concurrency: 30,"
        " tpot_ms: 9.5, ttft_ms: 400}\n"
        "  - {tensor_parallel: 1, replicas: 4, prefill: {replicas: 4, tensor_parallel: 1},"
        " input_tokens: 8192,"
        f" output_tokens: 512, concurrency: {concurrency}, tpot_ms: 9.5, ttft_ms: 400}}\n"
    )


def verdict(text: str, directory: Path) -> Decision:
    ask = asked(text, directory)
    return decide(ask, size(ask))
