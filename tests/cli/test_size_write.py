"""`size --write`: what is written, what stays, and whether the other verbs then say the same."""

import json
from pathlib import Path

import pytest
import yaml
from planner_verbs import AGENTS, ARTICLE, FAST, PILOT, data

from disagg.checks.environment import load_environment
from disagg.cli import main
from disagg.planner.ask import layout_of

pytestmark = pytest.mark.usefixtures("at_root")


def test_the_patch_that_is_written_is_a_sound_environment_with_that_layout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine.yaml"
    before = Path(PILOT).read_text("utf-8")
    target.write_text(before, encoding="utf-8")
    assert main(["size", AGENTS, *FAST, "-o", "json", "--write", str(target)]) == 0
    said = capsys.readouterr()
    wanted = json.loads(said.out)["patch"]
    after = yaml.safe_load(target.read_text("utf-8"))
    for role in ("prefill", "decode"):
        for key, value in wanted["serving"][role].items():
            assert after["serving"][role][key] == value
    layout = layout_of(load_environment(target).environment)
    assert layout.prefill is not None
    assert layout.prefill.count == wanted["serving"]["prefill"]["replicas"]
    # The difference is shown, and what it does not name stays, comments too.
    assert "@@" in said.err
    assert "must offer p6-b200" in target.read_text("utf-8")
    # The layout answers this workload and these promises, so they go with it.
    asked = yaml.safe_load(Path(AGENTS).read_text("utf-8"))
    del asked["workload"]["mean_over_peak"]  # 0.5, the default.
    assert (after["workload"], after["slo"]) == (asked["workload"], asked["slo"])
    assert "requests_per_second: 120," in target.read_text("utf-8")
    assert yaml.safe_load(before)["network"] == after["network"]
    # Asked again, the environment itself is served.
    assert data(capsys, "plan", str(target))["expected"]["probability_kept"] >= 0.8


def test_a_patch_says_that_no_pools_are_cheaper_and_keeps_the_placement_where_it_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine.yaml"
    target.write_text(Path(PILOT).read_text("utf-8"), encoding="utf-8")
    assert main(["size", AGENTS, *FAST, "--write", str(target)]) == 0
    assert "without pools costs" in capsys.readouterr().err
    # Two layouts of three nodes serve it, one apart and one shared: the file says apart.
    assert yaml.safe_load(target.read_text("utf-8"))["serving"]["placement"] == "separate_nodes"
    assert main(["size", ARTICLE, *FAST, "--write", str(target)]) == 0
    assert "serving.placement was separate_nodes and is colocate" in capsys.readouterr().err


def test_nothing_is_written_into_a_file_that_is_no_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "other.yaml"
    target.write_text("name: other\n", encoding="utf-8")
    assert main(["size", ARTICLE, *FAST, "--write", str(target)]) == 64
    assert target.read_text("utf-8") == "name: other\n"
    assert "DISAGG-KEY-002" in capsys.readouterr().err


def test_a_layout_that_breaks_its_promises_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, huge = tmp_path / "mine.yaml", tmp_path / "huge.yaml"
    before = Path(PILOT).read_text("utf-8")
    target.write_text(before, encoding="utf-8")
    asked = yaml.safe_load(Path(ARTICLE).read_text("utf-8"))
    asked["workload"] = {"input_tokens": 1024, "output_tokens": 1024, "requests_per_second": 1e5}
    huge.write_text(yaml.safe_dump(asked), encoding="utf-8")
    assert main(["size", str(huge), *FAST, "--write", str(target)]) == 64
    assert "does not keep the promises at this load" in capsys.readouterr().err
    assert target.read_text("utf-8") == before


def test_a_layout_with_data_parallelism_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from planning import B200  # noqa: PLC0415

    from disagg.planner.performance.layouts import Engines, Layout  # noqa: PLC0415
    from disagg.planner.performance.predictor import Worker  # noqa: PLC0415
    from disagg.report.patch import patch  # noqa: PLC0415

    del tmp_path, capsys
    wide = Engines(worker=Worker(tensor_parallel=1, data_parallel=8, expert_parallel=8), count=1)
    assert patch(Layout(instance=B200, engines=wide, prefill=wide)) is None
    assert patch(Layout(instance=B200, engines=wide)) is None


def test_an_environment_that_was_written_keeps_the_calibration_and_agrees_with_the_workload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine.yaml"
    target.write_text(Path(PILOT).read_text("utf-8"), encoding="utf-8")
    measured = "workloads/article-measured.yaml"
    assert main(["size", measured, *FAST, "-o", "json", "--write", str(target)]) == 0
    sized = json.loads(capsys.readouterr().out)
    planned = data(capsys, "plan", str(target), *FAST)
    assert planned["expected"]["calibrated"]
    layout = layout_of(load_environment(target).environment)
    same = next(one for one in sized["layouts"] if one["layout"] == str(layout))
    assert same["calibrated"]
    for name in ("requests_per_second", "tpot_mean_ms", "probability_kept"):
        assert planned["expected"][name] == pytest.approx(same["expected"][name], rel=1e-6)


def test_what_is_written_is_what_the_json_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = yaml.safe_load(Path(AGENTS).read_text("utf-8"))
    asked["search"] = {"data_parallel": True, "spare_engines": 1}
    asked["pricing"] = {"edp_percent": 50}
    del asked["slo"]
    workload, target = tmp_path / "w.yaml", tmp_path / "mine.yaml"
    workload.write_text(yaml.safe_dump(asked), encoding="utf-8")
    target.write_text(Path(PILOT).read_text("utf-8"), encoding="utf-8")
    assert main(["size", str(workload), *FAST, "-o", "json", "--write", str(target)]) == 0
    said = capsys.readouterr()
    after = yaml.safe_load(target.read_text("utf-8"))
    wanted = json.loads(said.out)["patch"]
    assert after["capacity"].keys() == wanted["capacity"].keys()
    for role in ("prefill", "decode"):
        for key, value in wanted["serving"][role].items():
            assert after["serving"][role][key] == value
    assert after["pricing"] == {"edp_percent": 50}
    assert after["slo"] == yaml.safe_load(Path(PILOT).read_text("utf-8"))["slo"]
    assert "the promises of the file stay" in said.err
    assert "1 spare engines a role" in said.err


EDITS = {
    "anchors": lambda text: text.replace(
        "prefill: {instance_type", "prefill: &group {instance_type", 1
    ).replace(
        "  decode: {instance_type: p6-b200.48xlarge, nodes: 1, desired_nodes: 0}",
        "  decode: *group",
    ),
    "an empty slo": lambda text: text.replace("slo: {ttft_p95_ms: 1000, tpot_p95_ms: 20}", "slo:"),
    "an empty group": lambda text: text.replace("serving:\n", "  shared:\nserving:\n", 1),
    "a placement group": lambda text: text.replace(
        "serving:\n", "  placement_group: cluster\nserving:\n", 1
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_size_writes_costs_what_size_says(
    edit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "mine.yaml"
    text = EDITS[edit](Path(PILOT).read_text("utf-8"))
    assert text != Path(PILOT).read_text("utf-8")
    target.write_text(text, encoding="utf-8")
    assert main(["size", AGENTS, *FAST, "-o", "json", "--write", str(target)]) == 0
    sized = json.loads(capsys.readouterr().out)
    layout = layout_of(load_environment(target).environment)
    said = next(one for one in sized["layouts"] if one["layout"] == str(layout))
    assert data(capsys, "cost", str(target), *FAST)["usd_per_hour"] == said["usd_per_hour"]
    if edit == "a placement group":
        assert load_environment(target).environment.capacity.placement_group == "cluster"


def test_a_change_of_placement_keeps_how_nodes_are_bought(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = (
        "source: {kind: reservation, id: cr-0123456789abcdef0, instances: 4, zone_id: usw2-az2}"
    )
    target = tmp_path / "mine.yaml"
    text = Path(PILOT).read_text("utf-8").replace("desired_nodes: 0}", source + "}")
    target.write_text(text, encoding="utf-8")
    assert main(["size", ARTICLE, *FAST, "--write", str(target)]) == 0
    capsys.readouterr()
    capacity = load_environment(target).environment.capacity
    assert capacity.shared is not None
    assert capacity.shared.source.kind == "reservation"
