"""The planner's verbs as people and scripts meet them: codes, data, pages, old prices."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from missing import without
from planner_verbs import AGENTS, ARTICLE, FAST, PILOT, data

from disagg.checks.environment import load_environment
from disagg.checks.question import asked_by
from disagg.cli import main, planning

pytestmark = pytest.mark.usefixtures("at_root")


def test_decide_says_no_for_the_articles_test_and_exits_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["decide", ARTICLE, *FAST]) == 2
    out = capsys.readouterr().out
    assert out.startswith("No. ")
    assert "heaviest first" in out
    assert "per GPU billed" in out
    assert "single-node baseline" in out


def test_decide_as_data_has_a_version_and_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "decide", ARTICLE, code=2)
    assert found["schema_version"] == 1
    assert found["answer"] == "no"
    assert found["calibrated"] is False
    weights = [reason["weight"] for reason in found["reasons"]]
    assert weights == sorted(weights, reverse=True)
    gain = found["gain"]
    assert gain["per_usd_low"] < gain["at_limit"]["per_usd"] < gain["per_usd_high"]
    assert set(gain["at_limit"]) == {"absolute", "per_gpu_used", "per_gpu_billed", "per_usd"}
    assert found["pilot"][0]["usd"] == pytest.approx(16 * 113.9328)


def test_decide_takes_an_environment_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert data(capsys, "decide", PILOT, code=2)["answer"] == "no"


def test_size_lists_both_kinds_cheapest_first(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "size", AGENTS)
    kinds = {layout["kind"] for layout in found["layouts"]}
    assert kinds == {"aggregated", "disaggregated"}
    prices = [layout["usd_per_hour"] for layout in found["layouts"] if layout["meets"]]
    assert prices == sorted(prices)
    assert set(found["pareto"]) == kinds
    assert found["patch"]["serving"]["prefill"]["replicas"] >= 1
    for layout in found["layouts"]:
        assert layout["gpus_used"] <= layout["gpus_billed"]


def test_size_exits_2_when_no_layout_keeps_the_promises(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path(ARTICLE).read_text("utf-8").replace("tpot_p95_ms: 20", "tpot_p95_ms: 1")
    file = tmp_path / "w.yaml"
    file.write_text(text.replace("concurrency: 128", "requests_per_second: 4000"), "utf-8")
    assert main(["size", str(file), *FAST]) == 2
    assert "No layout of up to 64 GPUs (search.gpus) keeps every promise" in capsys.readouterr().out


def test_plots_are_files_of_their_own_with_the_same_bytes_every_time(tmp_path: Path) -> None:
    first, second, picture = (tmp_path / name for name in ("a.svg", "b.svg", "c.png"))
    for target in (first, second, picture):
        assert main(["size", ARTICLE, *FAST, "-o", "json", "--plot", str(target)]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert picture.read_bytes().startswith(b"\x89PNG")
    root = ET.fromstring(first.read_text("utf-8"))  # noqa: S314
    assert root.tag.endswith("svg")
    assert "two pools" in first.read_text("utf-8")


def test_a_plot_of_another_kind_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["size", ARTICLE, *FAST, "--plot", str(tmp_path / "a.gif")]) == 64
    assert "DISAGG-FILE-007" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["decide", ARTICLE],
        ["size", ARTICLE],
        ["cost", PILOT],
        ["compare", "1xtp4", "4xtp1+1xtp4", "-w", ARTICLE],
        ["plan", PILOT],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_page_loads_nothing_follows_the_theme_prints_and_names_origins(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    main([*arguments, *FAST, "-o", "json", "--html", str(page)])
    capsys.readouterr()
    text = page.read_text("utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert "url(" not in text.replace("url(#", "")
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text
    assert "Where every figure comes from" in text
    for kind in ("published", "derived", "assumed"):
        assert kind in text
    assert "<svg" in text
    assert "var(--s1)" in text
    # What was asked stands on the page.
    for words in ("weights in fp4", "1,024 tokens", "128 in flight", "first token in 1,000 ms"):
        assert words in text


def test_a_page_escapes_what_a_user_wrote(tmp_path: Path) -> None:
    from disagg.report.page import html  # noqa: PLC0415
    from disagg.report.structure import Report  # noqa: PLC0415

    del tmp_path
    text = html(Report(title="<script>alert(1)</script>", headline="a & b"), "0")
    assert "<script>" not in text
    assert "a &amp; b" in text


def test_compare_normalises_what_the_article_compares(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "compare", "1xtp4", "4xtp1+1xtp4", "-w", ARTICLE)
    assert found["a"]["gpus_used"] == 4
    assert found["b"]["gpus_used"] == 8
    gain = found["b_over_a"]
    assert gain["at_load"]["per_gpu_used"] == pytest.approx(gain["at_load"]["absolute"] / 2)
    # What the article calls +70 % is no gain at equal GPUs.
    assert gain["equal_gpus"] < 1
    assert gain["equal_usd"] < 1
    assert gain["in_flight"]["equal_gpus"] < 1


def test_compare_takes_environments(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "compare", "environments/reference.yaml", PILOT)
    assert (found["a"]["gpus_used"], found["b"]["gpus_used"]) == (8, 16)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["compare", "1xtp4", "2xtp4"], "DISAGG-FILE-001"),
        (["compare", "1xtp4", "2xtp4+", "-w", ARTICLE], "DISAGG-LAY-001"),
        (["compare", "1xtp4", "1xtp3", "-w", ARTICLE], "DISAGG-LAY-002"),
        (["compare", "1xtp4", "nowhere.yaml", "-w", ARTICLE], "DISAGG-FILE-001"),
        (["decide", "nowhere.yaml"], "DISAGG-FILE-001"),
        (["cost", "nowhere.yaml"], "DISAGG-FILE-001"),
    ],
)
def test_wrong_use_is_told_with_a_code_and_exits_64(
    arguments: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 64
    assert code in capsys.readouterr().err


def test_cost_counts_the_same_money_in_every_view(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "cost", PILOT, "--volume", "5e10")
    unit = found["usd_per_mtok"]
    assert unit["usd_per_mtok_input"] + unit["usd_per_mtok_output"] == pytest.approx(
        unit["usd_per_mtok_all_on_output"]
    )
    # Whole nodes: the volume at this price is what stands on the bill.
    assert unit["usd_per_mtok_all_on_output"] * 5e4 == pytest.approx(found["usd_per_month"])
    assert found["idle_usd_per_month"] < found["usd_per_month"]
    assert found["article_formula"]["verdict"].startswith("dimensionally inconsistent")
    assert len(found["months"]) == 7


def test_the_headline_of_cost_is_what_all_copies_cost(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "cost", PILOT, "--volume", "1e12")
    (step,) = [one for one in found["months"] if one["output_tokens"] == 1e12]
    assert step["layouts"] == found["copies"] > 1
    assert step["stepped_usd"] == pytest.approx(found["usd_per_month"])
    assert found["idle_usd_per_month"] < found["usd_per_month"]
    assert main(["cost", PILOT, *FAST, "--volume", "1e12"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{step['layouts']} copies of " in said
    assert f"${step['stepped_usd']:,.0f} a month, " in said.partition("Nobody uses")[0]


@pytest.mark.parametrize("volume", ["inf", "nan", "1e30", "0", "-1"])
def test_a_volume_that_nobody_can_have_is_refused(
    volume: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", ARTICLE, *FAST, f"--volume={volume}"]) == 64
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "--volume" in shown.err
    assert "Traceback" not in shown.err


def test_cost_of_an_environment_lists_what_is_paid_beside_gpus(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["cost", PILOT, *FAST]) == 0
    out = capsys.readouterr().out
    for words in ("EKS control plane", "By volume", "By utilisation", "The pilot", "tokens^2"):
        assert words in out


def test_plan_tells_what_speed_to_expect(capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "plan", PILOT)["expected"]
    assert found["predictor"] == "roofline"
    assert found["calibrated"] is False
    assert found["ttft_p95_ms"]["low"] < found["ttft_p95_ms"]["high"]
    assert found["bottleneck"] in found["limits_requests_per_second"]
    assert found["relief"]
    assert found["kv_transfer"]["bytes"] > 0
    assert main(["plan", PILOT, *FAST]) == 0
    out = capsys.readouterr().out
    for words in ("nine in ten", "EFA gives", "Breaks first", "uncalibrated"):
        assert words in out


@pytest.mark.parametrize(
    ("day", "code", "words"),
    [
        (date(2026, 11, 27), 0, ""),
        (date(2027, 1, 15), 0, "DISAGG-PRC-007"),
        (date(2028, 1, 15), 64, "DISAGG-PRC-006"),
    ],
)
def test_old_prices_warn_and_very_old_ones_are_refused(
    day: date,
    code: int,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "today", lambda: day)
    assert main(["size", ARTICLE, *FAST]) == code
    said = capsys.readouterr().err
    assert words in said
    if code:
        assert main(["size", ARTICLE, *FAST, "--accept-stale"]) == 0
        assert "DISAGG-PRC-007" in capsys.readouterr().err


def test_the_missing_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "matplotlib", asked_for_by="disagg.report")
    assert main(["size", ARTICLE, *FAST, "--plot", str(tmp_path / "a.svg")]) == 1
    assert "pip install 'disagg[report]'" in capsys.readouterr().err


def test_silicon_without_its_package_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from disagg.bench import silicon  # noqa: PLC0415

    monkeypatch.setattr(silicon, "installed", lambda: False)
    assert main(["decide", ARTICLE, "--predictor", "silicon"]) == 1
    assert "pip install 'disagg[silicon]'" in capsys.readouterr().err


def test_pools_on_two_types_are_planned_without_speed_and_asked_about_with_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "two.yaml"
    decode = "decode: {instance_type: p6-b200.48xlarge"
    text = Path(PILOT).read_text("utf-8")
    assert decode in text
    file.write_text(text.replace(decode, "decode: {instance_type: p5en.48xlarge"), "utf-8")
    assert data(capsys, "plan", str(file))["expected"] is None
    assert main(["plan", str(file)]) == 0
    assert "Speed is not predicted" in capsys.readouterr().out
    for arguments in (["decide"], ["size"], ["cost"]):
        assert main([*arguments, str(file)]) == 64
        assert "DISAGG-ASK-008" in capsys.readouterr().err
    assert main(["compare", "1xtp4", str(file), "-w", ARTICLE]) == 64
    assert "DISAGG-LAY-002" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["plan", "synth", "render"])
def test_a_workload_file_is_told_from_an_environment(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, ARTICLE]) == 64
    said = capsys.readouterr().err
    assert said.count("DISAGG-") == 1
    assert "DISAGG-FILE-008" in said


def test_validate_takes_workload_files_and_points_of_environments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", ARTICLE]) == 0
    point = "{tensor_parallel: 4, input_tokens: 1024, output_tokens: 1024, concurrency: 99999, "
    wrong = tmp_path / "wrong.yaml"
    text = Path(PILOT).read_text("utf-8") + f"measurements:\n  - {point}tpot_ms: 5}}\n"
    wrong.write_text(text, encoding="utf-8")
    for verb in ("validate", "plan", "decide"):
        capsys.readouterr()
        assert main([verb, str(wrong)]) == 64
        said = capsys.readouterr().err
        assert f"wrong.yaml:{text.count(chr(10))} measurements[0]" in said
        assert "DISAGG-ASK-009" in said


def test_the_search_of_an_environment_holds_its_own_nodes(tmp_path: Path) -> None:
    checked = load_environment(Path(PILOT)).environment
    assert asked_by(checked, tmp_path).question.search.gpus == 64
    decode = replace(checked.capacity.decode, nodes=20)
    large = replace(checked, capacity=replace(checked.capacity, decode=decode))
    assert asked_by(large, tmp_path).question.search.gpus == 168


def test_a_page_is_not_written_over_a_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decide", ARTICLE, *FAST, "--html", str(tmp_path)]) == 64
    assert "DISAGG-FILE-002" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["decide", "size", "cost"])
def test_a_volume_that_so_many_in_flight_never_make_is_refused(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "w.yaml"
    text = Path(ARTICLE).read_text("utf-8")
    file.write_text(
        text.replace("concurrency: 128", "concurrency: 128, output_tokens_per_month: 1e17")
    )
    assert main([verb, str(file), *FAST]) == 64
    assert "DISAGG-WRK-003" in capsys.readouterr().err
    file.write_text(
        text.replace("concurrency: 128", "concurrency: 128, output_tokens_per_month: 1e9")
    )
    assert main([verb, str(file), *FAST]) in {0, 2}


def test_cost_bills_every_node_of_an_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large.yaml"
    text = Path(PILOT).read_text("utf-8")
    large.write_text(text.replace("p6-b200.48xlarge, nodes: 1", "p6-b200.48xlarge, nodes: 4"))
    found = data(capsys, "cost", str(large), *FAST)
    nodes = sum(
        one["count"] for one in found["lines"] if "nodes" in one["item"] and "p6" in one["item"]
    )
    assert nodes == found["nodes"] == 8
    assert found["usd_per_hour"] == pytest.approx(8 * 113.9328)


def test_plan_says_that_its_prices_are_old(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(planning, "today", lambda: date(2029, 1, 1))
    assert main(["plan", PILOT]) == 64
    said = capsys.readouterr().err
    assert "DISAGG-PRC-006" in said
    assert "cost refresh --region us-west-2 --write" in said
    assert main(["plan", PILOT, "--accept-stale"]) == 0
    assert "DISAGG-PRC-007" in capsys.readouterr().err
