"""Rules about queries in dashboards and alerts, which are wrong without an error."""

import re
from collections.abc import Iterator

from disagg.catalog.metrics import COUNTER_SUFFIX, VLLM_COUNTERS
from disagg.checks.manifests.objects import At, Manifests, title, walk
from disagg.checks.rule import Finding, rule

# Why the second way to begin: in JSON a query may follow an escaped line break, `\n`. Why the
# possessive plus: a name is taken whole, so that `_total` or `_created` makes it another one. Why
# the end: `vllm:num_preemptions.*` and `vllm:num_preemptions(_total)?` are patterns that match.
_NAME = re.compile(r"(?:(?<![\w:])|(?<=\\[nrt]))vllm:[\w:]++(?!\.[*+]|\()")


def _texts(manifests: Manifests) -> Iterator[tuple[At, str]]:
    """Yield every string that may hold a query: all of PrometheusRules, the data of ConfigMaps."""
    for one in manifests.kind("PrometheusRule", "ConfigMap"):
        inside = {"data": one.get("data", {})} if one["kind"] == "ConfigMap" else one
        for at, value in walk(inside):
            if isinstance(value, str):
                yield (title(one), *at), value


@rule("DISAGG-MET-001")
def queries_name_counters_as_exposed(manifests: Manifests) -> Iterator[Finding]:
    """Every query of an alert or dashboard names vLLM's counters with `_total`.

    vLLM's documents name them without, and no series has that name: the query is valid, its graph
    empty, and the alert on failed KV transfers never fires.
    """
    for at, text in _texts(manifests):
        for name in sorted(set(_NAME.findall(text)) & VLLM_COUNTERS):
            yield Finding(
                at=at,
                got=name,
                need=f"{name}{COUNTER_SUFFIX}",
                fix=f"append {COUNTER_SUFFIX} to the counter's name",
            )
