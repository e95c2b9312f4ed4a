"""The order of a deployment, and what stops it before HyperPod's nodes."""

import json
import os
from pathlib import Path

import pytest
from shipped import checked

from disagg.artifacts import Written
from disagg.cli import main
from disagg.local.aws.deploy import bootstrap
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.aws.readback_hyperpod import find_hyperpod
from disagg.ops.deploy import kube_context, packages_missing, phases

HYPERPOD = checked("pilot", cluster__platform="hyperpod").environment
PILOT = checked("pilot").environment
STACKS = [f"Disagg-Pilot-{layer}" for layer in ("Capacity", "Cluster", "Network")]
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "03-hyperpod" / "environment.yaml"


def test_on_eks_everything_is_deployed_at_once() -> None:
    (phase,) = phases(PILOT, STACKS)
    assert phase.stacks == tuple(STACKS)
    assert not phase.needs_packages


def test_on_hyperpod_the_nodes_come_last_and_want_the_packages() -> None:
    first, last = phases(HYPERPOD, STACKS)
    assert first.stacks == ("Disagg-Pilot-Cluster", "Disagg-Pilot-Network")
    assert not first.needs_packages
    assert last.stacks == ("Disagg-Pilot-Capacity",)
    assert last.needs_packages


def test_the_context_is_the_arn_of_the_cluster() -> None:
    assert kube_context(PILOT) == "arn:aws:eks:us-west-2:123456789012:cluster/disagg-pilot"


def helm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a helm in front of the path that does what the script says."""
    program = folder / "helm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


DEPLOYED = f"echo '{json.dumps({'info': {'status': 'deployed'}})}'"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (DEPLOYED, ""),
        ('echo \'{"info": {"status": "failed"}}\'', "the release is failed, not deployed"),
        ("echo 'Error: release: not found' >&2; exit 1", "helm: Error: release: not found"),
        ("exit 1", "helm: it gave no reason"),
        ("echo hello", "helm's answer was not understood"),
    ],
    ids=["deployed", "failed", "not there", "silent", "no JSON"],
)
def test_only_a_deployed_release_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    helm(tmp_path, monkeypatch, script)
    assert packages_missing(HYPERPOD) == why


def test_the_release_is_asked_of_the_right_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helm(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/asked; {DEPLOYED}')
    assert packages_missing(HYPERPOD) == ""
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:4] == ["status", "hyperpod-helm-chart", "--namespace", "kube-system"]
    assert asked[-2:] == ["--kube-context", kube_context(HYPERPOD)]


def test_without_helm_the_packages_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert packages_missing(HYPERPOD) == "helm is not on the path"


def test_nobody_is_asked_where_nobody_can_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115
    assert main(["deploy", str(EXAMPLE), "--dist", str(tmp_path)]) == 64
    said = capsys.readouterr().err
    assert "DISAGG-OPS-001" in said
    assert "with every node running" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [[], ["--packages-installed"]], ids=["asked", "told"])
def test_helm_is_asked_for_the_packages_unless_somebody_answers_for_it(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    written = Written(
        tmp_path, {}, {f"Disagg-Hyperpod-{one}": {} for one in ("Capacity", "Cluster")}
    )
    monkeypatch.setattr("disagg.local.demo.write", lambda *_, **__: written)
    monkeypatch.setattr("disagg.ops.deploy.packages_missing", lambda _: "nobody has installed them")
    monkeypatch.setattr(
        "disagg.ops.deploy.deploy_stacks", lambda phase, *_: done.extend(phase.stacks)
    )
    code = main(["deploy", str(EXAMPLE), "--yes", *options])
    assert code == (0 if options else 2)
    nodes = ["Disagg-Hyperpod-Capacity"] if options else []
    assert done == ["Disagg-Hyperpod-Cluster", *nodes]


@pytest.mark.slow
def test_a_deploy_stops_before_the_nodes_and_goes_on_when_the_packages_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = ["deploy", str(EXAMPLE), "--dist", str(tmp_path / "dist"), "--yes"]
    verb += ["--cdk-option=--method=direct"]
    target = Target(account="123456789012", region="us-west-2")
    with AwsEndpoint(directory=tmp_path / "run", target=target) as endpoint:
        bootstrap(endpoint, lambda _: None)
        for name, value in endpoint.environment().items():
            monkeypatch.setenv(name, value)
        helm(tmp_path, monkeypatch, "echo 'Error: release: not found' >&2; exit 1")
        assert main(verb) == 2
        said = capsys.readouterr()
        assert "Stopped before the HyperPod nodes: helm: Error: release: not found" in said.err
        assert "disagg-hyperpod" in said.err
        cluster = endpoint.client("eks").describe_cluster(name="disagg-hyperpod")["cluster"]
        assert cluster["status"] == "ACTIVE"
        assert find_hyperpod(endpoint.client("sagemaker"), "disagg-hyperpod") is None
        helm(tmp_path, monkeypatch, DEPLOYED)
        assert main(verb) == 0
        found = find_hyperpod(endpoint.client("sagemaker"), "disagg-hyperpod")
        assert found is not None
        assert [one.name for one in found.groups] == ["system", "prefill", "decode"]
