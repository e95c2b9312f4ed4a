"""How long a whole layout search takes, and the vendor's own search for the same question.

Ours: all tensor parallelisms, ratios of pools, placements and node counts up to 64 GPUs, each with
its latency, limits and money. The vendor's: `aiconfigurator cli default`, where it is installed in
this Python's environment (`pip install aiconfigurator==0.12.0`); else only ours is timed, and said
so. Times are of this machine; the ratio is what travels.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from disagg.bench.asking import Choice, asking
from disagg.bench.silicon import installed
from disagg.checks.question import load_question
from disagg.config.prices import bundled_prices
from disagg.planner.decision.sizing import size

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ("article", "agents")
RUNS = 4
VENDOR = (
    "cli default --model-path openai/gpt-oss-120b --system b200_sxm --backend vllm --total-gpus 8"
    " --isl 1024 --osl 1024 --ttft 1000 --tpot 20 --no-color --top-n 1"
)


def ours(name: str, choice: Choice) -> tuple[float, float, int]:
    """Return the CPU seconds of the first search and of a later one, and the families it weighed.

    The first loads the predictor: with silicon the package makes its engines.
    """
    prices = bundled_prices()
    asked = load_question(ROOT / "workloads" / f"{name}.yaml", prices)
    times, layouts = [], 0
    for _ in range(RUNS):
        ask = asking(asked, prices, choice)
        start = time.process_time()
        layouts = len(size(ask).found)
        times.append(time.process_time() - start)
    return times[0], median(times[1:]), layouts


def vendor() -> float | None:
    """Return the wall seconds of the vendor's search, None where it is not installed."""
    program = shutil.which("aiconfigurator", path=str(Path(sys.executable).parent))
    if program is None:
        return None
    start = time.perf_counter()
    done = subprocess.run(
        [program, *VENDOR.split()],
        check=False,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        sys.stderr.write(done.stderr.decode(errors="replace")[-500:])
        return None
    return time.perf_counter() - start


def main() -> None:
    """Print both and the ratio."""
    choices = [Choice.ROOFLINE, *([Choice.SILICON] if installed() else [])]
    found: dict[tuple[str, Choice], float] = {}
    for name in QUESTIONS:
        for choice in choices:
            first, seconds, layouts = ours(name, choice)
            found[name, choice] = seconds
            print(
                f"{name:<9} {choice:<9} {seconds:6.2f} s CPU after import"
                f" ({first:.2f} s the first time), {layouts} families"
            )
    theirs = vendor()
    if theirs is None:
        print("aiconfigurator is not installed here: no ratio (pip install aiconfigurator==0.12.0)")
        return
    own = found["article", choices[-1]]
    print(f"vendor    {'default':<9} {theirs:6.2f} s, 8 GPUs only: {theirs / own:,.0f} x as long")


if __name__ == "__main__":
    main()
