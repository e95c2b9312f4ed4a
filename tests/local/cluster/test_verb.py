"""`disagg rehearse` as a person runs it: what is printed, as data or in words, and how it exits."""

import importlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from disagg.cli import main
from disagg.local.cluster.api import wait
from disagg.local.cluster.state import settle

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("programs")]

PILOT = "environments/pilot.yaml"


def rehearsal() -> ModuleType:
    """Return the module that the verb imports when it runs, which another test may have renewed."""
    return importlib.import_module("disagg.local.rehearse")


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, root: Path, tmp_path: Path, deployed: Callable[..., Any]
) -> Callable[..., int]:
    """Run the verb, on what was created once for all tests, with the groups of a role changed."""

    def rehearse(*more: str, **changes: Any) -> int:
        created = deployed().created
        groups = tuple(
            replace(one, **changes) if one.labels["disagg/role"] == "decode" else one
            for one in created.node_groups
        )
        monkeypatch.chdir(root)
        monkeypatch.setattr(rehearsal(), "deploy", lambda *_: replace(created, node_groups=groups))
        return main(["rehearse", PILOT, "--dist", str(tmp_path), *more])

    return rehearse


def test_a_sound_deployment_exits_0_and_is_told_in_words(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    shown = capsys.readouterr()
    for words in (
        "24 objects accepted, 0 refused",
        "pilot-serving/decode: decode-1 (2)",
        "decode-1: pilot-serving/decode: 2 of 2 pods wait",
        "pilot-serving/prefill: at the worst moment 7 of 8 pods are ready",
        "pilot-router/router: at the worst moment 0 of 1 pods are ready: nothing is served until",
        "pilot-router/router -> pilot-serving/decode: 8000 (",
    ):
        assert words in shown.out
    assert "kube-system" not in shown.out
    assert "11 of 11 have a place, beside" in shown.err
    assert " ok " not in shown.out


def test_a_finding_exits_2_and_the_data_on_stdout_is_whole(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("-o", "json", maximum=0) == 2
    shown = capsys.readouterr()
    data = json.loads(shown.out)
    assert data["schema_version"] == 4
    (found,) = data["findings"]
    assert (found["code"], found["path"]) == ("DISAGG-REH-004", "pilot-serving/decode")
    assert data["losses"] == data["drains"] == data["rollouts"] == []
    assert "[DISAGG-REH-004]" in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("program", ["kube-apiserver", "kube-scheduler", "kwok"])
def test_a_program_that_dies_is_named_with_its_log_and_is_no_finding(
    program: str,
    run: Callable[..., int],
    gone: Callable[[int], bool],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def kill(stage: Any, *_: Any, **__: Any) -> None:
        (pid,) = pids_of(program)
        # Why: a program that was just started may not have said anything yet.
        wait("the log begins", lambda: Path(f"/proc/{pid}/fd/2").stat().st_size > 0)
        os.kill(pid, signal.SIGKILL)
        # Why: on a busy machine nothing may be left to settle before the kernel says it ended.
        wait("it has ended", lambda: gone(pid))
        settle(stage.cluster, seconds=3)

    monkeypatch.setattr(rehearsal(), "examine", kill)
    assert run() == 1
    said = capsys.readouterr()
    (log,) = re.findall(rf"{program} ended while it was needed; its log: (\S+\.log)", said.err)
    assert Path(log).read_text("utf-8")
    assert "REH" not in said.err
    assert f"logs: {Path(log).parent}" in said.err
    shutil.rmtree(Path(log).parent)


def pids_of(program: str) -> list[int]:
    """Return our own children of that name."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text("utf-8")
        except OSError:
            continue
        if f"PPid:\t{os.getpid()}\n" in text and text.startswith(f"Name:\t{program[:15]}\n"):
            found.append(int(status.parent.name))
    return found


def test_a_group_that_makes_no_nodes_is_a_finding(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(launch_template=None, instance_types=("p9.big",)) == 2
    said = capsys.readouterr().err
    assert "'p9.big' is in no catalogue" in said
    assert "[DISAGG-REH-006]" in said
