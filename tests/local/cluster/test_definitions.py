"""Definitions of others: fetched at their pins, installed when used, and as strict as upstream."""

import copy
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from disagg.catalog.definitions import DEFINITION_MODULES, MODULE_OF, DefinitionModule
from disagg.catalog.source import Kind, Source
from disagg.local.cluster import definitions as room
from disagg.local.cluster.api import Api, Cluster
from disagg.local.cluster.apply import apply_all
from disagg.local.cluster.definitions import fetch, install, kind_name, missing, wanted
from disagg.local.cluster.examine import Stage, examine
from disagg.local.cluster.findings import findings
from disagg.local.cluster.go import BuildError

Json = dict[str, Any]
GO = """#!/bin/sh
if [ "$1" = env ]; then echo go1.26.8; exit 0; fi
echo "$*" >> "$FAKE_LOG"
cat "$FAKE_ANSWER"
exit ${FAKE_STATUS:-0}
"""
WIDGETS = DefinitionModule(
    path="example.org/widgets",
    version="v1.2.3",
    checksum="h1:right=",
    files={"Widget.example.org": "crd/all.yaml", "Gadget.example.org": "crd/all.yaml"},
    source=Source(kind=Kind.ASSUMED, reference="made for this test", date="2026-11-27"),
)


def definition(kind: str) -> Json:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.lower()}s.example.org"},
        "spec": {"group": "example.org", "names": {"kind": kind}},
    }


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Let `go` be a script that answers as told; return where definitions go."""
    program = tmp_path / "path" / "go"
    program.parent.mkdir()
    program.write_text(GO)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("FAKE_ANSWER", str(tmp_path / "answer"))

    def answers(*kinds: str, checksum: str = "h1:right=", status: int = 0) -> Path:
        archive = tmp_path / "module.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            text = yaml.safe_dump_all([definition(kind) for kind in kinds])
            opened.writestr("example.org/widgets@v1.2.3/crd/all.yaml", text)
        said = {"Zip": str(archive), "Sum": checksum, "Error": "requires go >= 9"}
        (tmp_path / "answer").write_text(json.dumps(said))
        monkeypatch.setenv("FAKE_STATUS", str(status))
        return tmp_path / "definitions"

    return answers


def calls(tmp_path: Path) -> int:
    log = tmp_path / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_definitions_are_fetched_once_and_read_without_go(
    go: Callable[..., Path], tmp_path: Path
) -> None:
    directory = go("Widget", "Gadget")
    said: list[str] = []
    assert missing(directory, [WIDGETS]) == [WIDGETS]
    fetch(said.append, directory, [WIDGETS])
    fetch(said.append, directory, [WIDGETS])
    assert said == [
        "definitions 1/1: example.org/widgets@v1.2.3: 2 kinds",
        "definitions 1/1: example.org/widgets@v1.2.3: fetched before",
    ]
    assert calls(tmp_path) == 1
    assert missing(directory, [WIDGETS]) == []
    kept = json.loads((directory / "Widget.example.org.json").read_text())
    assert kept == definition("Widget")
    assert not [one for one in directory.iterdir() if one.name.startswith(".fetch-")]


def test_go_that_wants_to_be_newer_still_brings_the_files(go: Callable[..., Path]) -> None:
    directory = go("Widget", "Gadget", status=1)
    fetch(lambda _: None, directory, [WIDGETS])
    assert missing(directory, [WIDGETS]) == []


@pytest.mark.parametrize(
    ("kinds", "checksum", "words"),
    [
        (("Widget", "Gadget"), "h1:wrong=", "not what was pinned: its checksum is h1:wrong="),
        (("Widget",), "h1:right=", "crd/all.yaml does not define Gadget.example.org"),
    ],
)
def test_another_module_than_the_pinned_one_is_refused_and_nothing_kept(
    kinds: tuple[str, ...], checksum: str, words: str, go: Callable[..., Path]
) -> None:
    directory = go(*kinds, checksum=checksum)
    with pytest.raises(BuildError, match=words):
        fetch(lambda _: None, directory, [WIDGETS])
    assert missing(directory, [WIDGETS]) == [WIDGETS]
    assert list(directory.iterdir()) == []


def test_a_module_that_cannot_be_had_is_named(go: Callable[..., Path], tmp_path: Path) -> None:
    directory = go()
    (tmp_path / "answer").write_text('{"Error": "403 Forbidden"}')
    with pytest.raises(BuildError, match=r"example\.org/widgets@v1\.2\.3: 403 Forbidden"):
        fetch(lambda _: None, directory, [WIDGETS])


def test_kinds_are_found_by_group_and_core_kinds_are_left_out() -> None:
    gateway = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
    istio = {"apiVersion": "networking.istio.io/v1", "kind": "Gateway"}
    pod = {"apiVersion": "v1", "kind": "Pod"}
    assert [kind_name(one) for one in (istio, pod)] == ["Gateway.networking.istio.io", "Pod"]
    assert wanted([gateway, istio, pod, gateway]) == ["Gateway.gateway.networking.k8s.io"]


def test_no_two_modules_claim_a_kind() -> None:
    assert sum(len(one.files) for one in DEFINITION_MODULES) == len(MODULE_OF)


# One object of each kind as its project documents it, and one edit that it refuses: the path of a
# field, the value, and words of the server.
def of(kind: str, version: str, spec: Json) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "one"}, "spec": spec}


POD = {"containers": [{"name": "c", "image": "i"}]}
WORKERS = {"replicas": 1, "leaderWorkerTemplate": {"size": 2, "workerTemplate": {"spec": POD}}}
Case = tuple[Json, str, Any, str]
KINDS: dict[str, Case] = {
    "Gateway": (
        of(
            "Gateway",
            "gateway.networking.k8s.io/v1",
            {
                "gatewayClassName": "istio",
                "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
            },
        ),
        "spec.listeners",
        [{"name": "http", "port": 80, "protocol": "HTTP", "tls": {}}],
        "tls must not be specified",
    ),
    "HTTPRoute": (
        of(
            "HTTPRoute",
            "gateway.networking.k8s.io/v1",
            {"rules": [{"timeouts": {"request": "300s"}}]},
        ),
        "spec.rules",
        [{"timeouts": {"request": "300"}}],
        "should match",
    ),
    "InferencePool": (
        of(
            "InferencePool",
            "inference.networking.k8s.io/v1",
            {
                "selector": {"matchLabels": {"app": "a"}},
                "targetPorts": [{"number": 8000}],
                "endpointPickerRef": {"name": "epp", "port": {"number": 9002}},
            },
        ),
        "spec.targetPorts",
        [{"number": 8000}, {"number": 8000}],
        "port number must be unique",
    ),
    "InferenceObjective": (
        of(
            "InferenceObjective",
            "inference.networking.x-k8s.io/v1alpha2",
            {"priority": 1, "poolRef": {"name": "p"}},
        ),
        "spec.critical",
        True,
        "not declared in schema",
    ),
    "LeaderWorkerSet": (
        of("LeaderWorkerSet", "leaderworkerset.x-k8s.io/v1", WORKERS),
        "spec.leaderWorkerTemplate.workerTemplate.spec.containers",
        [{"name": "c", "image": "i", "resource": {}}],
        "resource: field not declared in schema",
    ),
    "DisaggregatedSet": (
        of(
            "DisaggregatedSet",
            "disaggregatedset.x-k8s.io/v1",
            {"roles": [{"name": name, "spec": WORKERS} for name in ("prefill", "decode")]},
        ),
        "spec.roles",
        [{"name": "prefill", "spec": WORKERS}],
        "should have at least 2 items",
    ),
    "ScaledObject": (
        of(
            "ScaledObject",
            "keda.sh/v1alpha1",
            {
                "scaleTargetRef": {"name": "decode"},
                "triggers": [{"type": "prometheus", "metadata": {"threshold": "1"}}],
            },
        ),
        "spec.triggers",
        [{"type": "prometheus", "metadata": {"threshold": 1}}],
        "expected string",
    ),
    "EC2NodeClass": (
        of(
            "EC2NodeClass",
            "karpenter.k8s.aws/v1",
            {
                "role": "r",
                "amiSelectorTerms": [{"alias": "al2023@latest"}],
                "subnetSelectorTerms": [{"id": "subnet-1"}],
                "securityGroupSelectorTerms": [{"id": "sg-1"}],
            },
        ),
        "spec.subnetSelectorTerms",
        [],
        "subnetSelectorTerms cannot be empty",
    ),
    "DestinationRule": (
        of("DestinationRule", "networking.istio.io/v1", {"host": "epp"}),
        "spec.trafficPolicy",
        {"tls": {"mode": "SOMETIMES"}},
        "Unsupported value",
    ),
    "PodMonitor": (
        of(
            "PodMonitor",
            "monitoring.coreos.com/v1",
            {"selector": {}, "podMetricsEndpoints": [{"port": "http"}]},
        ),
        "spec.podMetricsEndpoints",
        [{"port": "http", "scrapeInterval": "5s"}],
        "scrapeInterval: field not declared in schema",
    ),
    "PrometheusRule": (
        of(
            "PrometheusRule",
            "monitoring.coreos.com/v1",
            {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up == 0"}]}]},
        ),
        "spec.groups",
        [{"name": "g", "rules": [{"alert": "A", "expression": "up == 0"}]}],
        "expression: field not declared in schema",
    ),
    "Application": (
        of(
            "Application",
            "argoproj.io/v1alpha1",
            {"project": "p", "destination": {}, "source": {"repoURL": "https://example.org"}},
        ),
        "spec.syncPolicy",
        {"automatic": True},
        "automatic: field not declared in schema",
    ),
}


@pytest.fixture(scope="module")
def fetched() -> None:
    if missing():
        pytest.skip("definitions of others are not fetched: make kube")


def edited(one: Json, path: str, value: Any) -> Json:
    changed = copy.deepcopy(one)
    *parents, last = path.split(".")
    at = changed
    for part in parents:
        at = at[part]
    at[last] = value
    return changed


@pytest.mark.slow
@pytest.mark.usefixtures("fetched")
def test_each_kind_is_accepted_as_its_project_documents_it_and_refused_otherwise(
    api: Api,
) -> None:
    install(api, wanted([case[0] for case in KINDS.values()]))
    applied = apply_all(api, {"one.yaml": [case[0] for case in KINDS.values()]})
    assert applied.refusals == ()
    assert applied.accepted == len(KINDS)
    for kind, (one, path, value, words) in KINDS.items():
        refusals = apply_all(api, {"one.yaml": [edited(one, path, value)]}).refusals
        # Why: a broken pod template is refused as a pod as well.
        (refused,) = [each for each in refusals if not each.name.startswith("pod of ")]
        assert words in refused.message, kind


def route(**changes: Any) -> dict[str, list[Json]]:
    return {"80-gateway.yaml": [{**KINDS["HTTPRoute"][0], **changes}]}


@pytest.mark.slow
@pytest.mark.usefixtures("fetched")
def test_only_what_manifests_use_is_installed_and_the_report_names_it(cluster: Cluster) -> None:
    report = examine(Stage(cluster, []), route(), lambda _: None, {})
    assert findings(report) == []
    (only,) = report.definitions
    assert only.name == "HTTPRoute.gateway.networking.k8s.io"
    assert only.module == "sigs.k8s.io/gateway-api@v1.5.1"
    assert only.versions == ("v1", "v1beta1")
    there = cluster.api.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
    assert [one["metadata"]["name"] for one in there] == ["httproutes.gateway.networking.k8s.io"]


@pytest.mark.slow
@pytest.mark.usefixtures("fetched")
@pytest.mark.parametrize(
    ("changes", "got", "fix"),
    [
        (
            {"apiVersion": "gateway.networking.k8s.io/v1alpha2"},
            "it has gateway.networking.k8s.io/v1, gateway.networking.k8s.io/v1beta1",
            "use apiVersion gateway.networking.k8s.io/v1",
        ),
        (
            {"apiVersion": "example.org/v1", "kind": "Widget"},
            "the server has no kind Widget in example.org/v1",
            "add the module that defines it to disagg/catalog/definitions.py",
        ),
    ],
)
def test_a_wrong_version_and_an_unknown_kind_are_told_apart(
    changes: Json, got: str, fix: str, cluster: Cluster
) -> None:
    (problem,) = findings(examine(Stage(cluster, []), route(**changes), lambda _: None, {}))
    assert problem.code == "DISAGG-REH-001"
    assert problem.file == "80-gateway.yaml"
    assert got in problem.got
    assert problem.fix == fix


@pytest.mark.slow
def test_a_definition_that_was_not_fetched_is_named(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "missing", lambda *_: list(DEFINITION_MODULES))
    (problem,) = findings(examine(Stage(cluster, []), route(), lambda _: None, {}))
    assert problem.fix == "fetch its definition (sigs.k8s.io/gateway-api@v1.5.1): make kube"
