"""A Gateway as rendered: by the real definitions, against facts by hand, in every combination."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from covering import covering, tuples
from custom_kinds import complaints
from shipped import checked

import disagg_k8s
from disagg import artifacts
from disagg.catalog.gateways import CLASSES, GATEWAYS
from disagg.checks.manifests.object_rules import BUILT_IN_KINDS
from disagg.config.environment import Environment
from disagg.errors import InvalidInputError
from disagg.planner.add_ons import installed
from disagg_k8s.argocd import applications
from disagg_k8s.third_party import chart_values, helmfile
from disagg_k8s.yaml_out import dump_all

Json = dict[str, Any]
KINDS = ["istio", "agentgateway"]
EACH = pytest.mark.parametrize("kind", KINDS)
GOLDEN = Path(__file__).resolve().parents[1] / "golden/gateway-istio"
CERTIFICATE = "arn:aws:acm:us-west-2:123456789012:certificate/6f1c0a7e-2d35-4e0b-9c53-3a0b8d1f2e44"
GIT = {"repo_url": "https://git.example.com/platform.git", "path": "environments/pilot"}
# By hand, from llm-d's proxy (R: pkg/sidecar/proxy, pkg/common) and router.md.
HEADERS = {
    "x-prefiller-host-port",
    "x-encoder-hosts-ports",
    "x-data-parallel-host-port",
    "x-kv-cache-source-host-port",
    "x-gateway-destination-endpoint",
}


def behind(kind: str, **more: Any) -> Environment:
    return checked("pilot", serving__gateway={"kind": kind, **more}).environment


def objects(environment: Environment) -> dict[tuple[str, str], Json]:
    files = disagg_k8s.render(environment)
    return {(o["kind"], o["metadata"]["name"]): o for found in files.values() for o in found}


@pytest.fixture(scope="module")
def istio() -> dict[tuple[str, str], Json]:
    return objects(behind("istio"))


@pytest.fixture(scope="module")
def agentgateway() -> dict[tuple[str, str], Json]:
    return objects(behind("agentgateway"))


def test_a_gateway_is_rendered_as_reviewed(update_golden: bool) -> None:
    environment = behind("istio")
    files = {
        name: dump_all(found)
        for name, found in artifacts.render(environment).items()
        if name[:2] in {"10", "20", "70", "80"}
    }
    if update_golden:
        shutil.rmtree(GOLDEN, ignore_errors=True)
        GOLDEN.mkdir(parents=True)
        for name, text in files.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
    kept = {one.name: one.read_text("utf-8") for one in GOLDEN.iterdir()}
    assert kept == files


@EACH
@pytest.mark.parametrize("certificate", [None, CERTIFICATE])
def test_every_custom_object_is_one_its_project_defines(kind: str, certificate: str | None) -> None:
    given = {"certificate_arn": certificate} if certificate else {}
    found = [
        o
        for o in objects(behind(kind, **given)).values()
        if (o["apiVersion"], o["kind"]) not in BUILT_IN_KINDS
    ]
    assert len(found) >= 5
    for one in found:
        assert complaints(one) == [], one["kind"]


@pytest.mark.parametrize(
    ("kind", "key", "path", "wrong"),
    [
        ("istio", ("Gateway", "inference"), "spec.gatewayClass", "istio"),
        ("istio", ("HTTPRoute", "inference"), "spec.timeouts", {}),
        ("istio", ("InferencePool", "inference"), "spec.endpointPickerRef.failureMode", "Closed"),
        ("istio", ("DestinationRule", "endpoint-picker"), "spec.trafficPolicy.tls.mode", "TLS"),
        ("istio", ("EnvoyFilter", "inference"), "spec.targetRef", []),
        ("agentgateway", ("AgentgatewayParameters", "inference"), "spec.replicas", 2),
        ("agentgateway", ("AgentgatewayPolicy", "routing-headers"), "spec.traffic.phase", "Early"),
    ],
)
def test_and_none_with_a_wrong_field(
    kind: str, key: tuple[str, str], path: str, wrong: Any
) -> None:
    one = objects(behind(kind))[key]
    at = one
    *parents, last = path.split(".")
    for part in parents:
        at = at[part]
    at[last] = wrong
    assert complaints(one)


@EACH
def test_route_gateway_pool_picker_and_pods_name_one_another(kind: str) -> None:
    found = objects(behind(kind))
    route, gateway = found["HTTPRoute", "inference"], found["Gateway", "inference"]
    pool = found["InferencePool", "inference"]
    (parent,), (rule,) = route["spec"]["parentRefs"], route["spec"]["rules"]
    (listener,) = gateway["spec"]["listeners"]
    assert (parent["name"], parent["namespace"]) == ("inference", "pilot-router")
    assert gateway["metadata"]["namespace"] == "pilot-router"
    assert parent["sectionName"] == listener["name"]
    assert route["metadata"]["namespace"] == pool["metadata"]["namespace"] == "pilot-serving"
    (backend,) = rule["backendRefs"]
    assert (backend["group"], backend["kind"], backend["name"]) == (
        "inference.networking.k8s.io",
        "InferencePool",
        pool["metadata"]["name"],
    )
    picker = found["Service", pool["spec"]["endpointPickerRef"]["name"]]
    assert picker["metadata"]["namespace"] == "pilot-serving"
    (port,) = picker["spec"]["ports"]
    assert port["port"] == pool["spec"]["endpointPickerRef"]["port"]["number"] == 9002
    deployment = found["Deployment", "router"]
    assert deployment["metadata"]["namespace"] == "pilot-serving"
    template = deployment["spec"]["template"]
    assert picker["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    (container,) = template["spec"]["containers"]
    assert {p["name"]: p["containerPort"] for p in container["ports"]}[port["targetPort"]] == 9002
    for role in ("prefill", "decode"):
        pods = found["Deployment", role]["spec"]["template"]
        labels = pods["metadata"]["labels"]
        assert pool["spec"]["selector"]["matchLabels"].items() <= labels.items()
        ports = {
            port["containerPort"]
            for each in (*pods["spec"].get("initContainers", []), *pods["spec"]["containers"])
            for port in each.get("ports", [])
        }
        assert {p["number"] for p in pool["spec"]["targetPorts"]} <= ports
    baseline = found["Deployment", "baseline"]["spec"]["template"]["metadata"]["labels"]
    assert not pool["spec"]["selector"]["matchLabels"].items() <= baseline.items()


def test_istio_removes_the_headers_before_its_filters_run(
    istio: dict[tuple[str, str], Json],
) -> None:
    spec = istio["EnvoyFilter", "inference"]["spec"]
    (manager,) = [p for p in spec["configPatches"] if p["applyTo"] == "NETWORK_FILTER"]
    (extension,) = manager["patch"]["value"]["typed_config"]["early_header_mutation_extensions"]
    assert {m["remove"] for m in extension["typed_config"]["mutations"]} == HEADERS
    inserted = [
        p["patch"]["value"]["name"].rpartition(".")[2]
        for p in spec["configPatches"]
        if p["applyTo"] == "HTTP_FILTER"
    ]
    # Each goes to the front, so the last is the first of the chain.
    assert inserted == ["buffer", "header_mutation"]


def test_agentgateway_removes_them_before_the_route_is_chosen(
    agentgateway: dict[tuple[str, str], Json],
) -> None:
    traffic = agentgateway["AgentgatewayPolicy", "routing-headers"]["spec"]["traffic"]
    assert traffic["phase"] == "PreRouting"
    assert set(traffic["transformation"]["request"]["remove"]) == HEADERS


def test_istiod_takes_every_parameter_of_its_pods(istio: dict[tuple[str, str], Json]) -> None:
    data = istio["ConfigMap", "gateway-parameters"]["data"]
    # Source: istio 1.30.3 deploymentcontroller.go, supportedOverlays; another key is an error.
    assert data.keys() <= {
        "deployment",
        "service",
        "serviceAccount",
        "horizontalPodAutoscaler",
        "podDisruptionBudget",
    }
    deployment = yaml.safe_load(data["deployment"])["spec"]
    pod = deployment["template"]["spec"]
    assert deployment["replicas"] == 2
    # The template calls its container so; another name would add one without an image.
    assert [one["name"] for one in pod["containers"]] == ["istio-proxy"]
    drain = chart_values(behind("istio"))["istiod"]["meshConfig"]["defaultConfig"]
    assert pod["terminationGracePeriodSeconds"] > int(drain["terminationDrainDuration"][:-1])


def test_agentgateways_pods_wait_for_their_answers(
    agentgateway: dict[tuple[str, str], Json],
) -> None:
    spec = agentgateway["AgentgatewayParameters", "inference"]["spec"]
    pod = spec["deployment"]["spec"]["template"]["spec"]
    assert spec["shutdown"]["max"] == 300
    assert pod["terminationGracePeriodSeconds"] > spec["shutdown"]["max"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


@EACH
def test_policies_open_the_ports_of_the_table_and_no_other(kind: str) -> None:
    # By hand. The picker is asked on 9002 by the gateway's pods alone; these take requests on 8081
    # and say on 15021 whether they are ready.
    table = {
        ("pilot-serving", "deny-by-default"): set(),
        ("pilot-router", "deny-by-default"): set(),
        ("pilot-serving", "model-servers"): {8000, 5600},
        ("pilot-serving", "baseline"): {8000},
        ("pilot-serving", "router"): {9002},
        ("pilot-router", "gateway"): {8081, 15021},
    }
    files = disagg_k8s.render(behind(kind))
    found = {
        (o["metadata"]["namespace"], o["metadata"]["name"]): o["spec"]
        for o in files["20-network-policies.yaml"]
    }
    opened = {
        place: {port["port"] for entry in spec["ingress"] for port in entry["ports"]}
        for place, spec in found.items()
    }
    assert opened == table
    pods = {"gateway.networking.k8s.io/gateway-name": "inference"}
    assert found["pilot-router", "gateway"]["podSelector"] == {"matchLabels": pods}
    (asks,) = found["pilot-serving", "router"]["ingress"]
    (peer,) = asks["from"]
    assert peer["podSelector"] == {"matchLabels": pods}
    assert peer["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "pilot-router"
    }


@pytest.mark.parametrize("kind", ["standalone", *KINDS])
def test_tls_ends_at_the_load_balancer_and_connections_are_kept_alive(kind: str) -> None:
    found = objects(behind(kind, certificate_arn=CERTIFICATE))
    service = found["Service", "router"]
    prefix = "service.beta.kubernetes.io/aws-load-balancer-"
    given = {k.removeprefix(prefix): v for k, v in service["metadata"]["annotations"].items()}
    (port,) = service["spec"]["ports"]
    assert (port["port"], given["ssl-ports"], given["ssl-cert"]) == (443, "443", CERTIFICATE)
    assert not any(key.startswith("listener-attributes") for key in given)
    assert given["scheme"] == "internal"


def test_a_gateway_brings_its_kinds_before_its_controller_and_that_before_the_manifests() -> None:
    waves = {one.name: one.wave for one in installed(behind("istio"))}
    assert {"gateway-api", "inference-extension", "istio-base", "istiod"} <= waves.keys()
    assert not {"agentgateway", "agentgateway-crds"} & waves.keys()
    assert (
        max(waves[n] for n in ("gateway-api", "inference-extension", "istio-base"))
        < (waves["istiod"])
    )
    other = {one.name for one in installed(behind("agentgateway"))}
    assert {"gateway-api", "inference-extension", "agentgateway-crds", "agentgateway"} <= other
    assert not {"istiod", "istio-base"} & other
    plain = {one.name for one in installed(checked("pilot").environment)}
    assert not plain & (set(waves) | other) - {one for one in waves if one in plain}


def test_a_kustomization_is_installed_from_git_without_values() -> None:
    environment = checked(
        "pilot", serving__gateway={"kind": "istio"}, delivery={"git": GIT}
    ).environment
    state = {one["name"]: one for one in helmfile(environment)["releases"]}
    assert state["gateway-api"]["chart"] == (
        "git::https://github.com/kubernetes-sigs/gateway-api.git@config/crd"
        "?ref=e7677b70ae75d14a4448fba94870e7deea6cf0ad"
    )
    assert "values" not in state["gateway-api"]
    assert state["istio-base"]["chart"] == "istio-base/base"
    assert state["istiod"]["chart"] == "istio-base/istiod"
    files = applications(environment)
    sources = {one["metadata"]["name"]: one["spec"].get("source", {}) for one in files.values()}
    assert "helm" not in sources["pilot-gateway-api"]
    assert sources["pilot-gateway-api"]["path"] == "config/crd"
    assert sources["pilot-istio-base"]["chart"] == "base"
    assert sources["pilot-istio-base"]["helm"]["releaseName"] == "istio-base"
    for name, one in files.items():
        assert complaints(one) == [], name


def test_retries_are_off_behind_istio() -> None:
    # A retried request goes to any pod of the pool: override_host falls back to round robin.
    mesh = chart_values(behind("istio"))["istiod"]["meshConfig"]
    assert mesh["defaultHttpRetryPolicy"] == {"attempts": 0}


@pytest.mark.parametrize("kind", sorted(name for name, row in GATEWAYS.items() if row.refused))
def test_a_kind_that_was_not_shown_safe_is_refused_with_its_reason(kind: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        behind(kind)
    (problem,) = caught.value.problems
    assert problem.code == "DISAGG-GTW-001"
    assert GATEWAYS[kind].refused in problem.got


def test_every_kind_is_offered_or_refused_and_classes_are_told_apart() -> None:
    assert {row.name for row in CLASSES.values()} == set(KINDS)
    assert set(GATEWAYS) - set(KINDS) == {"standalone", "nginx", "envoy_ai_gateway"}


AXES: dict[str, list[Any]] = {
    "serving.gateway.kind": ["standalone", *KINDS],
    "serving.gateway.certificate_arn": [None, CERTIFICATE],
    "serving.router.policy": ["prefix_aware", "load_aware"],
    "cluster.platform": ["eks", "hyperpod"],
    "placement": ["separate_nodes", "colocate"],
    "serving.weights.kind": ["hugging_face", "s3"],
    "capacity.device_exposure": ["device_plugin", "dra"],
}
COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"


def possible(row: Json) -> bool:
    # HyperPod's operator hands out devices by its own plugins.
    return (row["cluster.platform"], row["capacity.device_exposure"]) != ("hyperpod", "dra")


def of(row: Json) -> Environment:
    given = {key: value for key, value in row.items() if value is not None}
    edits: Json = {}
    for key, value in given.items():
        if key == "placement":
            if value == "colocate":
                shared = {"instance_type": "p6-b200.48xlarge", "nodes": 2}
                exposure = row["capacity.device_exposure"]
                edits["capacity"] = {"shared": shared, "device_exposure": exposure}
                edits["serving__placement"] = "colocate"
        elif key == "serving.weights.kind":
            if value == "s3":
                edits["serving__weights"] = {"kind": "s3", "revision": COMMIT}
        elif key == "capacity.device_exposure":
            if row["placement"] != "colocate":
                edits["capacity__device_exposure"] = value
        else:
            edits[key.replace(".", "__")] = value
    return checked("pilot", **edits).environment


ROWS = covering(AXES, possible, 2)


def test_the_rows_hold_every_pair() -> None:
    wanted = {pair for row in covering(AXES, possible, 3) for pair in tuples(row, 2)}
    assert wanted == {pair for row in ROWS for pair in tuples(row, 2)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row.values()))[:60])
def test_a_gateway_goes_with_everything_else(row: Json, tmp_path: Path) -> None:
    environment = of(row)
    manifests = artifacts.render(environment)
    artifacts.write_charts(environment, manifests, tmp_path)
    wanted = GATEWAYS[environment.serving.gateway.kind].class_name
    assert ("80-gateway.yaml" in manifests) is bool(wanted)


def test_the_page_says_of_every_kind_what_was_found(root: Path) -> None:
    page = (root / "docs/gateways.md").read_text("utf-8")
    assert all(f"| `{kind}` |" in page for kind in GATEWAYS)
    assert all(f"`{key}" in page or f"{key}:" in page for key in ("replicas", "certificate_arn"))
    assert all(header in page for header in ("x-prefiller-host-port", "FailClose"))
