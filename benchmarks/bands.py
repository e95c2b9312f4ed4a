"""Print the rows of `disagg/catalog/reliability.py` from the sample: run by `make silicon`."""

from disagg.bench.sample_models import PREDICTORS
from disagg.bench.silicon_sample import Row, rows, sample_path
from disagg.bench.validate import (
    aggregated,
    as_point,
    disaggregated,
    pooled_band,
    prior,
    reliability,
)
from disagg.planner.performance.calibration import features

GPUS = {"b200_sxm": "B200", "b300_sxm": "B300", "h200_sxm": "H200", "h100_sxm": "H100"}


def lines(name: str, sample: list[Row]) -> list[str]:
    """Return the rows of one predictor as they stand in the catalogue."""
    vllm = [row for row in sample if row.backend == "vllm"]
    predictor = PREDICTORS[name]
    found = []
    for one in reliability(vllm, predictor):
        model, system, _, kernel = one.pair
        figures = (
            one.raw.low,
            one.raw.high,
            one.prefill.low,
            one.prefill.high,
            one.prior,
        )
        shown = " ".join(f"{figure:.3f}" for figure in figures)
        found.append(
            f"{name:<8} {model:<24} {GPUS[system]} {kernel:<4} {one.groups} {one.rows:>3}  {shown}"
        )
    return found


def unknown(name: str, sample: list[Row]) -> str:
    """Return what holds for a pair that is not in the sample."""
    vllm = [row for row in sample if row.backend == "vllm" and row.prefill is None]
    predictor = PREDICTORS[name]
    errors = aggregated(vllm, predictor)
    ratios = []
    for row in vllm:
        model = predictor(row)
        if model is not None:
            ratios.append(sum(features(model, as_point(row))) / row.tpot_ms - 1)
    band = pooled_band(ratios)
    spread = prior(errors, ("", "", "", "", ""))
    scales = [one.scales[1] for one in errors if one.scales]
    return (
        f'    "{name}": ({band.low:.3f}, {band.high:.3f}, {min(scales):.3f}, {max(scales):.3f},'
        f" {spread:.3f}),"
    )


def main() -> None:
    """Print all of it."""
    sample = rows(sample_path())
    for name in PREDICTORS:
        print("\n".join(lines(name, sample)))
    for name in PREDICTORS:
        print(unknown(name, sample))
    pools = disaggregated(sample, PREDICTORS["silicon"])
    calibrated = pooled_band(error for one in pools for error in one.calibrated)
    raw = pooled_band(error for one in pools for error in one.raw)
    print(f"disaggregated: calibrated {calibrated.low:.3f} {calibrated.high:.3f}")
    print(f"disaggregated: raw {raw.low:.3f} {raw.high:.3f}")


if __name__ == "__main__":
    main()
