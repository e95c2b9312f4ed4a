"""What the demo says is next: helmfile, or Git and the Argo CD that reads it."""

from pathlib import Path
from typing import Any

import pytest
from shipped import checked

from disagg.cli import main
from disagg.cli.next_steps import next_steps
from disagg.config.prices import bundled_prices
from disagg.planner.plan import make_plan

GIT = {"repo_url": "https://git.example.com/platform.git", "path": "environments/pilot"}
ARGOCD = {
    "identity_center_arn": "arn:aws:sso:::instance/ssoins-1234567890abcdef",
    "admin_groups": ["94482488-3041-7026-18f3-be45837cd0e4"],
}


def commands(**edits: Any) -> list[str]:
    environment = checked("pilot", **edits).environment
    made = make_plan(environment, bundled_prices())
    steps = next_steps(made, environment, Path("environments/pilot.yaml"), Path("dist"))
    return [line for step in steps for line in step[1:]]


def test_charts_are_installed_by_one_command_and_manifests_by_another() -> None:
    found = commands()
    assert "helmfile sync --file dist/pilot/charts/helmfile.yaml" in found
    assert found.index("kubectl apply -f dist/pilot/manifests") > found.index(
        "helmfile sync --file dist/pilot/charts/helmfile.yaml"
    )
    assert not any("argocd" in line for line in found)


def test_with_git_both_come_from_there_and_nothing_is_applied_by_hand_but_the_root() -> None:
    found = commands(delivery={"git": GIT})
    assert "kubectl apply -f dist/pilot/argocd/root.yaml" in found
    assert any("environments/pilot && git commit" in line for line in found)
    assert not any(line.startswith("helmfile") for line in found)
    assert "kubectl apply -f dist/pilot/manifests" not in found
    assert not any("associate-access-policy" in line for line in found)


def test_the_argo_cd_of_aws_is_let_in_and_told_of_the_cluster_before_the_root() -> None:
    found = commands(delivery={"git": GIT, "argocd_capability": ARGOCD})
    root = found.index("kubectl apply -f dist/pilot/argocd/root.yaml")
    admit, register, label = found[root - 3 : root]
    assert "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy" in admit
    assert "--name /disagg/pilot/delivery/argocd-role-arn)" in admit
    assert "--from-literal=project=default --from-literal=name=in-cluster" in register
    assert register.endswith("/disagg/pilot/delivery/cluster-arn)")
    assert "argocd.argoproj.io/secret-type=cluster" in label


def test_on_hyperpod_the_packages_come_alone_before_the_nodes() -> None:
    found = commands(cluster__platform="hyperpod")
    alone = "helmfile sync --file dist/pilot/charts/helmfile.yaml --selector wave=0"
    deploys = [number for number, line in enumerate(found) if line.startswith("disagg deploy")]
    everything = found.index("helmfile sync --file dist/pilot/charts/helmfile.yaml")
    assert deploys[0] < found.index(alone) < deploys[1] < everything
    assert not any("--selector" in line for line in commands())


def test_the_plan_lists_what_is_installed(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert main(["plan", str(root / "environments/pilot.yaml")]) == 0
    said = capsys.readouterr().out
    assert "Charts to install: aws-load-balancer-controller 3.5.0, nvidia-device-plugin" in said
