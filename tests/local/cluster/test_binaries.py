"""Building the control plane, with a Go that is a small script of ours."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from disagg.cli import demo as demo_verb
from disagg.cli import main
from disagg.errors import MissingToolError
from disagg.local import rehearse as rehearse_room
from disagg.local.cluster import binaries as room
from disagg.local.cluster.binaries import BINARIES, BuildError, binaries, build, missing

GO = """#!/bin/sh
if [ "$1" = env ]; then echo "${FAKE_GO:-go1.26.8}"; exit 0; fi
echo "$PWD $*" >> "$FAKE_LOG"
for last; do :; done
case "$last" in *"${FAKE_FAILS:-nothing}"*) echo "no such package"; exit 1;; esac
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\n' > "$2" && chmod +x "$2"
"""
NAMES = [one.name for one in BINARIES]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return where programs go and where the modules are; `go` is our script."""
    sources = tmp_path / "tools"
    for module in ("kube", "kwok"):
        shutil.copytree(room.SOURCES / module, sources / module)
    go = tmp_path / "path" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    return tmp_path / "cache" / "bin", sources


def test_without_programs_the_message_says_what_is_missing_and_how_to_get_it(
    places: tuple[Path, Path],
) -> None:
    with pytest.raises(
        MissingToolError, match=r"(?s)etcd, .*kwok not built.*make kube.*10 minutes"
    ):
        binaries(*places)
    with pytest.raises(MissingToolError, match="needs a checkout"):
        binaries(places[0], places[0])


def test_a_build_tells_its_progress_and_another_builds_nothing(
    places: tuple[Path, Path], tmp_path: Path
) -> None:
    said: list[str] = []
    build(said.append, *places)
    assert [line.split()[2].strip(":") for line in said[::2]] == NAMES
    assert binaries(*places) == {name: places[0] / name for name in NAMES}
    calls = (tmp_path / "log").read_text().splitlines()
    assert len(calls) == len(NAMES)
    assert all("-trimpath" in call for call in calls)
    assert "gitVersion=v1.34.4" in calls[1]
    again: list[str] = []
    build(again.append, *places)
    assert all(line.endswith("built before") for line in again)
    assert len((tmp_path / "log").read_text().splitlines()) == len(NAMES)


def test_a_build_goes_on_where_it_failed_and_leaves_no_half_program(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FAILS", "kube-scheduler")
    with pytest.raises(
        BuildError, match=r"(?s)kube-scheduler ended with status 1.*no such package"
    ):
        build(lambda _: None, *places)
    assert missing(*places) == ["kube-scheduler", "kwok"]
    left = {one.name for one in places[0].iterdir() if not one.name.endswith(".stamp")}
    assert left == set(NAMES[:3])
    monkeypatch.delenv("FAKE_FAILS")
    said: list[str] = []
    build(said.append, *places)
    assert sum(line.endswith("built before") for line in said) == 3
    assert missing(*places) == []


@pytest.mark.parametrize(("module", "stale"), [("kube", NAMES[:4]), ("kwok", NAMES[4:])])
def test_other_pins_make_their_programs_stale(
    module: str, stale: list[str], places: tuple[Path, Path]
) -> None:
    build(lambda _: None, *places)
    sums = places[1] / module / "go.sum"
    sums.write_text(sums.read_text() + "\n")
    assert missing(*places) == stale


@pytest.mark.parametrize(
    ("said", "words"), [("go1.25.1", "is 'go1.25.1'"), ("nonsense", "is 'nonsense'")]
)
def test_an_old_go_is_refused_in_words(
    said: str, words: str, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_GO", said)
    with pytest.raises(MissingToolError, match=words):
        build(lambda _: None, *places)


def test_without_go_the_message_says_so(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(places[0]))
    with pytest.raises(MissingToolError, match=r"(?s)Go is needed.*make kube"):
        build(lambda _: None, *places)


def none_built(*_: Any) -> Any:
    raise MissingToolError("etcd not built\n  -> run: make kube")


def test_the_verb_says_what_is_missing_before_it_writes_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    monkeypatch.setattr(rehearse_room, "binaries", none_built)
    pilot = str(root / "environments" / "pilot.yaml")
    assert main(["rehearse", pilot, "--dist", str(tmp_path / "dist")]) == 1
    assert "make kube" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()


def test_the_demo_says_aloud_that_no_control_plane_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(room, "binaries", none_built)
    nothing: Any = None
    demo_verb.on_a_control_plane(nothing, nothing, nothing, nothing)
    out = capsys.readouterr().out
    assert "SKIP  Kubernetes control plane: scheduling was not rehearsed" in out
    assert "make kube" in out
