"""The rule about counters in queries, broken in one place and kept in its twin."""

import json
from typing import Any

import pytest
from manifest_edits import Files, Mutation, Violation, add, each, found_after

from disagg.catalog.metrics import COUNTER_SUFFIX, VLLM_COUNTERS
from disagg.checks.manifests import metric_rules
from disagg.checks.rule import rules_of

# Oracle: names as `/metrics` of a vLLM exposes them (facts, llmd.md 8.1), and PromQL's grammar.
FAILED = "increase(vllm:nixl_num_failed_transfers_total[5m]) > 0"


def alert(expr: str) -> Mutation:
    rule = {"alert": "KvTransfersFail", "expr": expr, "labels": {"severity": "page"}}
    return add(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "serving", "namespace": "pilot-serving"},
            "spec": {"groups": [{"name": "kv", "rules": [rule]}]},
        }
    )


def config(text: str) -> Mutation:
    return add(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "dashboard", "namespace": "pilot-router"},
            "data": {"board.json": text},
        }
    )


def board(expr: str) -> Mutation:
    panels: list[dict[str, Any]] = [{"type": "timeseries", "targets": [{"expr": expr}]}]
    return config(json.dumps({"panels": panels}))


def bare(text: str) -> str:
    return text.replace("_total", "")


VIOLATIONS: list[Violation] = [
    ("DISAGG-MET-001", "an alert", alert(bare(FAILED))),
    ("DISAGG-MET-001", "a dashboard", board(bare(FAILED))),
    ("DISAGG-MET-001", "a range", alert("rate(vllm:num_preemptions[5m])")),
    ("DISAGG-MET-001", "labels", alert('vllm:request_success{finished_reason="abort"} > 0')),
    ("DISAGG-MET-001", "by its name", alert('{__name__="vllm:num_preemptions"}')),
    ("DISAGG-MET-001", "after a line break", board("sum(\nvllm:prompt_tokens\n)")),
    ("DISAGG-MET-001", "a product", alert("2*vllm:prefix_cache_hits*8")),
    ("DISAGG-MET-001", "one of two", alert(f"{FAILED} or vllm:num_preemptions > 9")),
    ("DISAGG-MET-001", "no YAML", config("a: b: [vllm:generation_tokens")),
]

KEPT: list[Violation] = [
    ("DISAGG-MET-001", "an alert", alert(FAILED)),
    ("DISAGG-MET-001", "a dashboard", board(FAILED)),
    ("DISAGG-MET-001", "its birth", alert("vllm:num_preemptions_created")),
    ("DISAGG-MET-001", "a histogram", alert("rate(vllm:request_prompt_tokens_sum[5m])")),
    ("DISAGG-MET-001", "a longer name", alert("vllm:prompt_tokens_by_source_total > 0")),
    ("DISAGG-MET-001", "gauges", alert("vllm:num_requests_waiting / vllm:kv_cache_usage_perc")),
    ("DISAGG-MET-001", "a recorded series", alert("vllm:num_preemptions:rate5m > 1")),
    ("DISAGG-MET-001", "a recorded name around", alert("pod:vllm:num_preemptions > 1")),
    ("DISAGG-MET-001", "a pattern", alert('{__name__=~"vllm:num_preemptions.*"}')),
    ("DISAGG-MET-001", "a suffix left open", alert('{__name__=~"vllm:num_preemptions(_total)?"}')),
    ("DISAGG-MET-001", "no YAML", config("a: b: [vllm:generation_tokens_total")),
]


@each(VIOLATIONS)
def test_a_violation_is_found(code: str, mutate: Mutation) -> None:
    assert code in found_after(mutate)


@each(KEPT)
def test_a_query_with_the_exposed_name_is_fine(code: str, mutate: Mutation) -> None:
    assert code not in found_after(mutate)


def test_a_right_dashboard_breaks_no_rule_at_all() -> None:
    assert found_after(board(FAILED)) == set()


def test_names_elsewhere_are_not_queries() -> None:
    def label(files: Files) -> None:
        files["70-router.yaml"][0]["metadata"]["annotations"] = {"about": bare(FAILED)}

    assert found_after(label) == set()


@pytest.mark.parametrize("name", sorted(VLLM_COUNTERS))
def test_every_counter_is_found_without_its_suffix_only(name: str) -> None:
    assert name.startswith("vllm:")
    assert not name.endswith(("_total", "_created"))
    assert "DISAGG-MET-001" in found_after(alert(f"rate({name}[1m])"))
    assert "DISAGG-MET-001" not in found_after(alert(f"rate({name}{COUNTER_SUFFIX}[1m])"))


def test_every_rule_has_a_violation() -> None:
    assert {r.code for r in rules_of(metric_rules)} == {code for code, _, _ in VIOLATIONS}
