from pathlib import Path

import pytest

from disagg import node
from disagg.errors import MissingToolError


def test_the_environment_of_a_tool_puts_node_first_and_reports_to_nobody() -> None:
    environment = node.tool_environment({"PATH": "/bin", "HOME": "/nowhere"})
    assert environment["PATH"].split(":")[0] == str(node.node_path().parent)
    assert environment["JSII_NODE"] == str(node.node_path())
    assert environment["CDK_DISABLE_VERSION_CHECK"] == "1"
    assert environment["CDK_DISABLE_CLI_TELEMETRY"] == "true"
    assert environment["HOME"] == "/nowhere"


def test_what_the_user_says_about_certificates_is_kept() -> None:
    assert node.tool_environment({"NODE_USE_SYSTEM_CA": "0"})["NODE_USE_SYSTEM_CA"] == "0"


def test_the_cdk_cli_is_found_from_a_folder_below_the_project(tmp_path: Path) -> None:
    program = tmp_path / "node_modules" / "aws-cdk" / "bin" / "cdk"
    program.parent.mkdir(parents=True)
    program.touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert node.cdk_path(below) == program
    assert node.cdk_command("ls", start=below)[1:] == [str(program), "ls"]


def test_a_missing_cdk_cli_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "CHECKOUT", tmp_path)
    with pytest.raises(MissingToolError, match="make setup"):
        node.cdk_path(tmp_path)


def test_a_missing_node_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match=r"none was found\n  -> run: make setup"):
        node.node_path()
    with pytest.raises(MissingToolError, match="npm"):
        node.npm_command()


@pytest.mark.parametrize(("version", "accepted"), [("v24.1.0", True), ("v18.20.0", False)])
def test_a_node_on_path_is_taken_only_when_new_enough(
    version: str,
    accepted: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = tmp_path / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    monkeypatch.setattr(node, "_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    if accepted:
        assert node.node_path() == program
    else:
        with pytest.raises(MissingToolError, match="is older"):
            node.node_path()


def test_an_unknown_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert node.main(["deploy"]) == 64
    assert node.main([]) == 64
    assert "usage" in capsys.readouterr().err


def test_node_runs_and_its_exit_code_comes_back() -> None:
    assert node.main(["node", "-e", "process.exit(7)"]) == 7
