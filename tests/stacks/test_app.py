import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks.synthesis import context, templates

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, env: str = "environments/pilot.yaml", **variables: str) -> tuple[int, str]:
    """Run app.py as the CDK CLI does, without the CLI."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=ROOT,
        env={
            **os.environ,
            "CDK_OUTDIR": str(folder),
            "CDK_CONTEXT_JSON": json.dumps({**context(), "env": env}),
            "CDK_VALIDATION": "false",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assembly")
    code, stderr = run(folder)
    assert code == 0, stderr
    return folder


def test_app_writes_what_build_gives(assembly: Path) -> None:
    for name, template in templates("pilot").items():
        assert json.loads((assembly / f"{name}.template.json").read_text()) == template


def test_synthesis_asks_aws_nothing(assembly: Path) -> None:
    manifest = json.loads((assembly / "manifest.json").read_text())
    assert "missing" not in manifest
    assert not (ROOT / "cdk.context.json").exists()


def test_templates_are_the_only_assets(assembly: Path) -> None:
    for path in assembly.glob("*.assets.json"):
        assets = json.loads(path.read_text())
        sources = [one["source"]["path"] for one in assets["files"].values()]
        assert sources == [path.name.replace(".assets.", ".template.")]
        assert not assets["dockerImages"]


@pytest.mark.slow
def test_equal_files_give_equal_bytes_wherever_they_are_synthesized(
    assembly: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "assembly"
    home = tmp_path / "home"
    home.mkdir()
    code, stderr = run(
        elsewhere,
        HOME=str(home),
        TZ="Pacific/Chatham",
        PYTHONHASHSEED="7",
        USER="somebody",
        LC_ALL="C",
        # The cache of jsii lies under HOME; without it the library is unpacked anew.
        JSII_RUNTIME_PACKAGE_CACHE="disabled",
    )
    assert code == 0, stderr
    assert contents(elsewhere) == contents(assembly)


def test_a_wrong_file_is_reported_without_a_traceback(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("apiVersion: disagg/v1\nname: pilot\nnetwrok: {}\n")
    code, stderr = run(tmp_path / "out", env=str(wrong))
    assert code == 64
    assert "DISAGG-KEY-001" in stderr
    assert "Traceback" not in stderr


def test_a_missing_file_is_reported_without_a_traceback(tmp_path: Path) -> None:
    code, stderr = run(tmp_path / "out", env=str(tmp_path / "none.yaml"))
    assert code == 64
    assert "DISAGG-FILE-001" in stderr
    assert "Traceback" not in stderr


def test_cdk_json_holds_the_switches_that_matter() -> None:
    config = json.loads((ROOT / "cdk.json").read_text())
    flags = config["context"]
    assert flags["@aws-cdk/core:defaultCrossStackReferences"] == "strong"
    assert flags["@aws-cdk/core:validateAgainstDefaultRules"] is True
    assert flags["@aws-cdk/core:explicitStackTags"] is True
    # With metadata the CLI would write other templates than the app alone.
    assert (config["pathMetadata"], config["assetMetadata"]) == (False, False)
    assert config["versionReporting"] is False
