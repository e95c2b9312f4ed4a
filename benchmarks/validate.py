"""Error tables of the planner's predictors on the measured rows inside aiconfigurator-core.

`make silicon` installs the package into an environment of its own and runs this. Rows are split
beforehand (`disagg/bench/silicon_sample.py`); errors are those of held-out rows. Nothing here was
measured on this machine: the measured values are InferenceX's, of 2025-10 to 2026-04.
"""

import json
import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from statistics import median

from disagg.bench.recorded import record
from disagg.bench.sample_models import PREDICTORS
from disagg.bench.silicon_sample import Row, rows, sample_path
from disagg.bench.validate import GroupErrors, aggregated, disaggregated, mape, middle

TARGETS = ("gpt-oss-120b", ("b200_sxm", "h200_sxm"), "vllm")


def short(group: tuple[str, ...]) -> str:
    """Return the name of a group as the tables print it."""
    model, system, backend, precision, worker = group
    return f"{model.rpartition('/')[2]:<24.24} {system:<9} {backend:<6} {precision:<7} {worker:<14}"


def table(title: str, found: Iterable[GroupErrors]) -> None:
    """Print one line for each group."""
    print(f"\n{title}")
    head = "rows  raw MAPE   bias   alpha   beta   MAPE  median  worst  in band  band"
    print(f"{'model':<24} {'system':<9} {'engine':<6} {'prec.':<7} {'parallel':<14} {head}")
    for one in found:
        bias = sum(one.raw) / len(one.raw)
        line = f"{short(one.group)} {one.held_out:>4} {mape(one.raw):>9.1%} {bias:>+7.1%}"
        if one.scales and one.calibrated:
            alpha, beta = one.scales
            line += f" {alpha:>7.2f} {beta:>6.2f} {mape(one.calibrated):>6.1%}"
            line += f" {middle(one.calibrated):>7.1%} {max(map(abs, one.calibrated)):>6.1%}"
            share = sum(one.inside) / len(one.inside)
            line += f" {share:>8.0%} {median(one.half_widths):>+6.0%}"
        else:
            line += f"   {one.refused}"
        print(line)


def summary(found: list[GroupErrors]) -> dict[str, float]:
    """Return the figures over all groups that were calibrated."""
    fitted = [one for one in found if one.calibrated]
    errors = list(chain.from_iterable(one.calibrated for one in fitted))
    inside = list(chain.from_iterable(one.inside for one in fitted))
    raw = list(chain.from_iterable(one.raw for one in fitted))
    return {
        "groups": len(fitted),
        "held_out_rows": len(errors),
        "raw_median": middle(raw),
        "calibrated_median": middle(errors),
        "worst_group_mape": max(mape(one.calibrated) for one in fitted),
        "inside_band": sum(inside) / len(inside),
    }


def targeted(found: Iterable[GroupErrors]) -> list[GroupErrors]:
    """Return the groups the targets are about."""
    model, systems, backend = TARGETS
    return [
        one
        for one in found
        if one.group[0].endswith(model) and one.group[1] in systems and one.group[2] == backend
    ]


def measure(name: str, sample: list[Row]) -> dict[str, object]:
    """Print the tables of one predictor and return its figures."""
    predictor = PREDICTORS[name]
    single = aggregated((row for row in sample if row.backend == "vllm"), predictor)
    table(f"{name}: time per output token, aggregated vLLM, held-out rows", single)
    result: dict[str, object] = {
        "aggregated": summary(single),
        "gpt_oss_b200_h200": summary(targeted(single)),
    }
    double = disaggregated(sample, predictor)
    if double:
        table(f"{name}: tokens/s/GPU, disaggregated rows with worker counts", double)
        result["disaggregated"] = summary(double)
        every = list(chain.from_iterable(one.raw for one in double))
        result["disaggregated_all_raw_median"] = middle(every)
    return result


def main() -> None:
    """Print every table, then the figures as JSON; --json FILE keeps them.

    --record DIR writes the rows and the answers of silicon for tests that run without it.
    """
    sample = rows(sample_path())
    if "--record" in sys.argv:
        record(sample, PREDICTORS["silicon"], Path(sys.argv[sys.argv.index("--record") + 1]))
    print(f"{len(sample)} measurements after copies are removed")
    found = {name: measure(name, sample) for name in PREDICTORS}
    text = json.dumps(found, indent=2)
    print(f"\n{text}")
    if "--json" in sys.argv:
        Path(sys.argv[sys.argv.index("--json") + 1]).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
