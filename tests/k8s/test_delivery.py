"""How charts and manifests reach a cluster: helmfile, Argo CD Applications, values by real helm."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from custom_kinds import complaints
from helm import judging_chart, template, unpack
from shipped import checked

from disagg import artifacts
from disagg.catalog.chart_values import CHART_VALUES, undocumented
from disagg.checks.environment import load_environment
from disagg.config.environment import Environment
from disagg.planner.add_ons import installed
from disagg_k8s.argocd import ROOT_FILE, applications
from disagg_k8s.third_party import chart_values, helmfile

ALL = {"monitoring": True, "keda": True, "leader_worker_set": True}
GIT = {"repo_url": "https://git.example.com/platform.git", "path": "environments/pilot"}
GOLDEN = Path(__file__).resolve().parents[1] / "golden/delivery"


def full() -> Environment:
    return checked("pilot", add_ons=ALL, delivery={"git": GIT}).environment


def written(environment: Environment, base: Path) -> dict[str, str]:
    artifacts.write_charts(environment, artifacts.render(environment), base)
    files = sorted(one for one in base.rglob("*") if one.is_file())
    return {one.relative_to(base).as_posix(): one.read_text("utf-8") for one in files}


def test_charts_and_applications_are_rendered_as_reviewed(
    tmp_path: Path, update_golden: bool
) -> None:
    files = written(full(), tmp_path)
    if update_golden:
        for name, text in files.items():
            (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / name).write_text(text, encoding="utf-8")
    kept = {one.relative_to(GOLDEN).as_posix() for one in GOLDEN.rglob("*") if one.is_file()}
    assert kept == files.keys()
    for name, text in files.items():
        assert text == (GOLDEN / name).read_text("utf-8"), f"{name} differs: then make golden"


def test_another_machine_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    program = (
        "import hashlib, sys; from pathlib import Path; from shipped import checked\n"
        "from k8s.test_delivery import full, written\n"
        "files = written(full(), Path(sys.argv[1]))\n"
        "print(hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest())"
    )
    other = {**os.environ, "HOME": str(tmp_path), "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "4711"}
    other["PYTHONPATH"] = os.pathsep.join(map(str, (root, root / "k8s", root / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "other"],
        env=other,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    here = repr(sorted(written(full(), tmp_path / "here").items()))
    assert done.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


def test_without_git_there_is_a_helmfile_and_no_application(tmp_path: Path) -> None:
    files = written(checked("pilot").environment, tmp_path)
    assert sorted(files) == [
        "charts/aws-efa-k8s-device-plugin.yaml",
        "charts/aws-load-balancer-controller.yaml",
        "charts/helmfile.yaml",
        "charts/nvidia-device-plugin.yaml",
    ]
    bridge = checked("pilot", delivery={}).environment
    assert applications(bridge) == {}


def test_helmfile_finds_every_chart_values_file_and_release_it_names(tmp_path: Path) -> None:
    files = written(full(), tmp_path)
    state = yaml.safe_load(files["charts/helmfile.yaml"])
    known = {one["name"] for one in state["repositories"]}
    assert len(known) == len(state["repositories"])
    installed: list[str] = []
    for release in state["releases"]:
        repository, _, chart = release["chart"].partition("/")
        assert repository in known
        assert chart == release["name"]
        assert all(f"charts/{one}" in files for one in release["values"])
        assert set(release.get("needs", ())) <= set(installed)
        installed.append(f"{release['namespace']}/{release['name']}")
    (oci,) = [one for one in state["repositories"] if one.get("oci")]
    assert oci["url"] == "registry.k8s.io/lws/charts"


def test_what_uses_custom_kinds_waits_for_who_brings_them() -> None:
    needs = {one["name"]: one.get("needs", []) for one in helmfile(full())["releases"]}
    assert "monitoring/kube-prometheus-stack" in needs["dcgm-exporter"]
    files = applications(full())
    waves = {
        one["metadata"]["name"]: int(one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
        for name, one in files.items()
        if name != ROOT_FILE
    }
    assert waves["pilot-kube-prometheus-stack"] < waves["pilot-dcgm-exporter"]
    assert waves["pilot-manifests"] > max(
        wave for name, wave in waves.items() if name != "pilot-manifests"
    )


def test_packages_of_hyperpod_come_first_and_out_of_git() -> None:
    edits: dict[str, Any] = {"add_ons": ALL, "delivery": {"git": GIT}}
    environment = checked("pilot", cluster__platform="hyperpod", **edits).environment
    first, *rest = helmfile(environment)["releases"]
    commit = "011ca927123e02b35a399935bbb3ab1905fe33c7"
    assert first["chart"] == (
        "git::https://github.com/aws/sagemaker-hyperpod-cli.git@helm_chart/HyperPodHelmChart"
        f"?ref={commit}"
    )
    assert "version" not in first
    assert (first["name"], first["namespace"]) == ("hyperpod-helm-chart", "kube-system")
    assert first["labels"] == {"wave": "0"}
    assert all(one["labels"]["wave"] != "0" for one in rest)
    assert all(one.get("needs") for one in rest)
    one = applications(environment)["applications/00-hyperpod-helm-chart.yaml"]
    source = one["spec"]["source"]
    assert (source["path"], source["targetRevision"]) == ("helm_chart/HyperPodHelmChart", commit)
    assert source["helm"]["valuesObject"]["global"] == {"region": "us-west-2"}
    assert one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] == "0"
    # The chart's renderings differ, so that healing it would never end.
    assert one["spec"]["syncPolicy"]["automated"] == {"prune": False, "selfHeal": False}
    assert complaints(one) == []


def test_argo_cd_takes_every_application() -> None:
    for name, one in applications(full()).items():
        assert complaints(one) == [], name


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("spec", "sourceRef"), {}),
        (("spec", "source", "targetRevisions"), "1"),
        (("spec", "syncPolicy", "automated", "selfHeal"), "yes"),
        (("spec", "destination", "nameSpace"), "x"),
        (("spec", "ignoreDifferences"), {"kind": "Secret"}),
    ],
)
def test_and_not_one_with_a_wrong_field(path: tuple[str, ...], wrong: Any) -> None:
    one = applications(full())["applications/00-aws-load-balancer-controller.yaml"]
    at = one
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = wrong
    assert complaints(one)


def test_the_root_brings_the_applications_and_they_bring_the_manifests() -> None:
    files = applications(full())
    root, manifests = files[ROOT_FILE], files["applications/07-manifests.yaml"]
    assert root["spec"]["source"] == {
        "repoURL": GIT["repo_url"],
        "path": "environments/pilot/argocd/applications",
        "targetRevision": "main",
    }
    assert manifests["spec"]["source"]["path"] == "environments/pilot/manifests"
    # A pool that was scaled by hand before its nodes go stays so; a chart is put right.
    assert manifests["spec"]["syncPolicy"]["automated"] == {"prune": False, "selfHeal": False}
    controller = files["applications/00-aws-load-balancer-controller.yaml"]["spec"]
    assert controller["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
    assert [one["kind"] for one in controller["ignoreDifferences"]] == [
        "Secret",
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ]
    assert "RespectIgnoreDifferences=true" in controller["syncPolicy"]["syncOptions"]


def test_no_application_holds_an_account_or_an_arn(tmp_path: Path) -> None:
    text = "".join(written(full(), tmp_path).values())
    assert "123456789012" not in text
    assert "arn:" not in text


def test_values_of_the_environment_reach_helmfile_and_argo_cd_alike() -> None:
    environment = full()
    values = chart_values(environment)
    controller = values["aws-load-balancer-controller"]
    assert controller["clusterName"] == "disagg-pilot"
    assert controller["vpcTags"] == {"disagg:environment": "pilot"}
    for name, one in applications(environment).items():
        helm = one["spec"]["source"].get("helm")
        if helm:
            assert helm["valuesObject"] == values[helm["releaseName"]], name


def test_a_vpc_of_others_is_told_by_its_id_and_a_cluster_of_others_has_its_own_controller(
    root: Path,
) -> None:
    theirs = load_environment(root / "examples/02-existing-cluster/environment.yaml").environment
    names = [one.name for one in installed(theirs)]
    assert names == ["nvidia-device-plugin", "aws-efa-k8s-device-plugin"]
    ours = replace(theirs, cluster=replace(theirs.cluster, existing=None))
    controller = chart_values(ours)["aws-load-balancer-controller"]
    assert ours.network.existing is not None
    assert controller["vpcId"] == ours.network.existing.vpc_id
    assert "vpcTags" not in controller
    keys = CHART_VALUES["aws-load-balancer-controller"].keys
    assert undocumented(keys, controller) == []


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("helm"))


@pytest.mark.slow
def test_real_helm_takes_every_values_file_and_refuses_a_key_that_is_not_documented(
    helm: Path, tmp_path: Path
) -> None:
    written(full(), tmp_path)
    for name, values in chart_values(full()).items():
        chart = judging_chart(tmp_path / "judges", name, CHART_VALUES[name].keys)
        file = tmp_path / f"charts/{name}.yaml"
        done = template(helm, chart, file, tmp_path / "home")
        assert done.returncode == 0, done.stderr
        given = yaml.safe_load(done.stdout)["data"]["values"]
        assert json.loads(given) == values
        file.write_text(file.read_text("utf-8") + "notDocumented: true\n", encoding="utf-8")
        refused = template(helm, chart, file, tmp_path / "home")
        assert refused.returncode != 0
        assert "notDocumented" in refused.stderr
