"""What the demo says is next: helmfile, or Git and the Argo CD that reads it."""

import re
from pathlib import Path
from typing import Any

import pytest
from shipped import checked

from disagg.cli import main
from disagg.cli.next_steps import next_steps
from disagg.config.prices import bundled_prices
from disagg.planner.plan import make_plan
from disagg.planner.runbook import deploy_page, runbooks

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


MIRROR = {"kind": "s3", "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"}
GATED = {
    "serving__model": "meta-llama/Llama-3.3-70B-Instruct",
    "serving__max_context_tokens": 4096,
}


def test_by_hand_the_model_is_copied_after_the_charts_and_before_the_nodes() -> None:
    found = commands(serving__weights=MIRROR)
    (charts,) = (at for at, line in enumerate(found) if line.startswith("helmfile"))
    (copied,) = (at for at, line in enumerate(found) if "25-model-loading" in line)
    last = max(at for at, line in enumerate(found) if line.startswith("disagg deploy"))
    assert charts < copied < last
    assert "--for=condition=complete" in found[copied + 1]


def test_argo_cd_copies_the_model_itself_and_finds_its_token_there() -> None:
    secret = {"token_secret": "disagg/hf-token"}
    for weights in (MIRROR, MIRROR | secret):
        gated = GATED if "token_secret" in weights else {}
        found = commands(delivery={"git": GIT}, serving__weights=weights, **gated)
        root = found.index("kubectl apply -f dist/pilot/argocd/root.yaml")
        assert not any("25-model-loading" in line for line in found)
        (done,) = (at for at, line in enumerate(found) if "--for=condition=complete" in line)
        last = max(at for at, line in enumerate(found) if line.startswith("disagg deploy"))
        assert root < done < last
        assert "application/pilot-manifests" in found[done - 1]
        tokens = [at for at, line in enumerate(found) if "create-secret" in line]
        assert len(tokens) == len(gated) // 2
        assert all(at < root for at in tokens)


def test_a_token_of_the_pods_is_there_before_argo_cd_starts_them() -> None:
    found = commands(delivery={"git": GIT}, **GATED)
    (token,) = (at for at, line in enumerate(found) if "generic hf-token" in line)
    assert token < found.index("kubectl apply -f dist/pilot/argocd/root.yaml")


@pytest.mark.parametrize("platform", ["eks", "hyperpod"])
def test_the_page_of_a_deployment_says_what_the_demo_prints(platform: str) -> None:
    environment = checked("pilot", cluster__platform=platform).environment
    page = deploy_page(environment, make_plan(environment, bundled_prices()))
    shown = [line.strip() for line in page.splitlines() if line.startswith("       ")]
    printed = [
        re.sub(r"make -C \S+", "make", line).replace(str(Path("dist").resolve()), "dist")
        for line in commands(cluster__platform=platform)
    ]
    assert [line.replace("FILE", "environments/pilot.yaml") for line in shown] == printed
    assert "disagg deploy FILE" in shown
    assert str(Path.cwd()) not in page


def test_runbooks_deploy_as_the_steps_do() -> None:
    """HyperPod's nodes wait for packages, which only `disagg deploy` knows."""
    plan = {
        "kind": "training_plan",
        "arn": "arn:aws:sagemaker:us-west-2:123456789012:training-plan/gpu-march",
        "instances": 1,
        "zone_id": "usw2-az2",
        "end": "2027-03-01T11:30:00Z",
    }
    one = checked("pilot", cluster__platform="hyperpod", capacity__decode__source=plan)
    (page,) = runbooks(one.environment).values()
    assert "disagg deploy <the file>" in page
    assert "make cdk" not in page


def test_a_certificate_makes_the_first_request_one_by_tls() -> None:
    arn = "arn:aws:acm:us-west-2:123456789012:certificate/6f1c0a7e-2d35-4e0b-9c53-3a0b8d1f2e44"
    secure = commands(serving__gateway={"kind": "istio", "certificate_arn": arn})
    for found, scheme in ((secure, "https"), (commands(), "http")):
        (request,) = [line for line in found if line.startswith("curl")]
        assert request.startswith(f"curl {scheme}://")


def test_the_plan_lists_what_is_installed(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    assert main(["plan", str(root / "environments/pilot.yaml")]) == 0
    said = capsys.readouterr().out
    assert "Charts to install: aws-load-balancer-controller 3.5.0, nvidia-device-plugin" in said


def test_with_karpenter_nodes_start_by_a_manifest_and_are_gone_before_the_stacks() -> None:
    found = commands(capacity__provisioner="karpenter")
    pools = found.index("kubectl apply -f dist/pilot/manifests/15-gpu-nodes.yaml")
    assert (
        found[pools + 1] == "kubectl wait --for=condition=Ready nodepool pilot-prefill pilot-decode"
    )
    assert pools > found.index("helmfile sync --file dist/pilot/charts/helmfile.yaml")
    assert sum(line.startswith("disagg deploy") for line in found) == 1
    assert found[pools - 1] == "disagg synth environments/pilot.yaml"
    assert [line.partition(" ")[0] for line in found[-3:]] == ["kubectl", "kubectl", "make"]
    assert found[-2].startswith("kubectl get nodeclaims")


def test_with_karpenter_and_git_its_pools_are_pushed_and_not_applied() -> None:
    found = commands(capacity__provisioner="karpenter", delivery={"git": GIT})
    assert not any("15-gpu-nodes" in line for line in found)
    assert sum("git commit" in line for line in found) == 2


def test_without_karpenter_nobody_speaks_of_its_kinds() -> None:
    assert not any("nodepool" in line or "nodeclaims" in line for line in commands())


FSX = {"kind": "fsx", "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"}


def test_the_file_system_is_stated_after_the_deployment_and_before_the_gpu_nodes() -> None:
    found = commands(serving__weights=FSX)
    (asked,) = [number for number, line in enumerate(found) if "file-system-mount-name" in line]
    assert "/disagg/pilot/storage/file-system-id" in found[asked]
    deploys = [number for number, line in enumerate(found) if line.startswith("disagg deploy")]
    assert deploys[0] < asked < deploys[1]
    assert found.index("kubectl apply -f dist/pilot/manifests") > asked


def test_a_file_system_that_is_stated_is_not_asked_for() -> None:
    stated = FSX | {"file_system": {"id": "fs-0123456789abcdef0", "mount_name": "fsxabcde"}}
    assert not any("file-system-id" in line for line in commands(serving__weights=stated))


STORE = {"kind": "s3", "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"}


def test_a_closed_network_is_filled_after_the_first_deploy_and_before_the_charts() -> None:
    shut = {"network__internet": "none", "images": {"kind": "ecr"}, "serving__weights": STORE}
    found = commands(**shut)
    page = found.index("less dist/pilot/runbooks/bring-in.md")
    deploys = [number for number, line in enumerate(found) if line.startswith("disagg deploy")]
    assert deploys[0] < page < found.index("helmfile sync --file dist/pilot/charts/helmfile.yaml")
    assert not any("25-model-loading" in line for line in found)


def test_with_internet_nothing_is_brought_in_unless_images_are() -> None:
    assert not any("bring-in" in line for line in commands(serving__weights=STORE))
    assert any("bring-in" in line for line in commands(images={"kind": "ecr"}))
