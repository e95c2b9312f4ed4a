"""What the API server takes and refuses: fields, Pod Security, quotas, kinds, and RBAC."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from disagg.local.cluster.api import Api, Cluster, wait
from disagg.local.cluster.apply import pods_of
from disagg.local.cluster.examine import Stage, examine
from disagg.local.cluster.findings import findings
from disagg.local.cluster.report import Report

pytestmark = pytest.mark.slow

Deploy = Callable[..., Any]
Files = dict[str, list[dict[str, Any]]]
Edit = Callable[[dict[str, Any]], object]
DECODE, ROUTER = "30-decode-pool.yaml", "70-router.yaml"
SERVING, ROUTING = "pilot-serving", "pilot-router"


@pytest.fixture
def files(deployed: Deploy) -> Files:
    return copy.deepcopy(dict(deployed().manifests))


@pytest.fixture
def judged(cluster: Cluster, deployed: Deploy) -> Callable[[Files], Report]:
    stage = Stage(cluster, deployed().nodes)
    return lambda files: examine(stage, files, lambda _: None, {}, trials=False)


def one(files: Files, file: str, kind: str, name: str = "") -> dict[str, Any]:
    return next(
        each
        for each in files[file]
        if each["kind"] == kind and name in ("", each["metadata"]["name"])
    )


def server(deployment: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


REFUSED = {
    "an unknown field": (
        lambda deployment: server(deployment).update(resource={}),
        "resource: field not declared in schema",
    ),
    "a number as text": (
        lambda deployment: deployment["spec"].update(replicas="2"),
        "expected numeric",
    ),
    "a GPU request below its limit": (
        lambda deployment: server(deployment)["resources"]["requests"].update(
            {"nvidia.com/gpu": "1"}
        ),
        "must be equal to nvidia.com/gpu limit",
    ),
    "a selector of other pods": (
        lambda deployment: deployment["spec"]["selector"]["matchLabels"].update(
            {"app.kubernetes.io/component": "other"}
        ),
        "does not match template `labels`",
    ),
    "a volume that is not there": (
        lambda deployment: server(deployment)["volumeMounts"].append(
            {"name": "no-such-volume", "mountPath": "/x"}
        ),
        "Not found",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_wrong_object_is_refused_with_its_file_and_the_servers_words(
    fault: str, files: Files, judged: Callable[[Files], Report]
) -> None:
    edit, words = REFUSED[fault]
    edit(one(files, DECODE, "Deployment"))
    report = judged(files)
    refused = [each for each in report.applied.refusals if each.name.startswith("Deployment")]
    assert [(each.file, each.name) for each in refused] == [
        (DECODE, f"Deployment {SERVING}/decode")
    ]
    assert words in refused[0].message
    problem = next(each for each in findings(report) if each.path == refused[0].name)
    assert (problem.code, problem.file) == ("DISAGG-REH-001", DECODE)
    assert words in problem.got


def test_a_raw_yaml_create_is_as_strict_as_apply(api: Api) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\ndata: {c: d}\n"
    answer = api.create(text, "/api/v1/namespaces/default/configmaps", dry_run=True)
    assert answer.status == 400
    assert 'key "data" already set' in answer.message


def test_a_field_that_the_server_forgets_is_found(
    files: Files, judged: Callable[[Files], Report]
) -> None:
    pod = one(files, DECODE, "Deployment")["spec"]["template"]["spec"]
    pod["initContainers"][0]["restartPolicy"] = "OnFailure"
    report = judged(files)
    (lost,) = report.applied.dropped
    assert lost.message == "spec.template.spec.initContainers[0].restartPolicy"
    assert "DISAGG-REH-002" in {each.code for each in findings(report)}


def test_a_namespace_that_enforces_baseline_refuses_the_model_servers(
    files: Files, judged: Callable[[Files], Report]
) -> None:
    labels = one(files, "00-namespaces.yaml", "Namespace", SERVING)["metadata"]["labels"]
    labels["pod-security.kubernetes.io/enforce"] = "baseline"
    report = judged(files)
    assert {each.name for each in report.applied.refusals} == {
        f"pod of Deployment {SERVING}/{name}" for name in ("decode", "prefill")
    }
    assert all("IPC_LOCK" in each.message for each in report.applied.refusals)
    assert set(report.unmade) == {f"{SERVING}/decode", f"{SERVING}/prefill"}
    assert "violates PodSecurity" in report.unmade[f"{SERVING}/decode"]


def test_the_router_passes_restricted_and_a_privileged_one_does_not(
    api: Api, files: Files, judged: Callable[[Files], Report]
) -> None:
    assert judged(files).applied.refusals == ()
    (router,) = pods_of(one(files, ROUTER, "Deployment"))
    assert api.create(router, dry_run=True).accepted
    router["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    refused = api.create(router, dry_run=True)
    assert refused.status == 403
    assert 'violates PodSecurity "restricted:v1.34"' in refused.message


def quota(gpus: int) -> dict[str, Any]:
    hard = {"requests.nvidia.com/gpu": str(gpus)}
    metadata = {"name": "gpus", "namespace": SERVING}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata,
        "spec": {"hard": hard},
    }


def test_a_quota_that_is_too_small_is_named_and_one_that_fits_is_counted(
    api: Api, files: Files, judged: Callable[[Files], Report], empty: Callable[[Api], None]
) -> None:
    files["10-service-accounts.yaml"].append(quota(16))
    report = judged(files)
    assert findings(report) == []
    (found,) = report.quotas
    assert (found.hard, found.used) == (
        {"requests.nvidia.com/gpu": "16"},
        {"requests.nvidia.com/gpu": "16"},
    )
    empty(api)
    files["10-service-accounts.yaml"][-1] = quota(12)
    report = judged(files)
    assert set(report.unmade) == {f"{SERVING}/prefill"}
    assert "exceeded quota: gpus" in report.unmade[f"{SERVING}/prefill"]
    assert "DISAGG-REH-003" in {each.code for each in findings(report)}


def test_a_priority_class_that_is_not_there_is_named(
    files: Files, judged: Callable[[Files], Report]
) -> None:
    name = "05-priority-classes.yaml"
    files[name] = [each for each in files[name] if each["metadata"]["name"] != "pilot-decode"]
    report = judged(files)
    said = {each.path: each.got for each in findings(report)}
    assert said.keys() == {f"pod of Deployment {SERVING}/decode", f"{SERVING}/decode"}
    assert all("no PriorityClass with name pilot-decode" in each for each in said.values())


def policy(kind: str, **spec: Any) -> dict[str, Any]:
    version = "admissionregistration.k8s.io/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "tags"}, "spec": spec}


@pytest.fixture
def digests_only(api: Api) -> Iterator[None]:
    """Refuse deployments of images without a digest."""
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }
    expression = "object.spec.template.spec.containers.all(c, c.image.contains('@sha256:'))"
    parts = (
        policy(
            "ValidatingAdmissionPolicy",
            matchConstraints={"resourceRules": [rule]},
            validations=[{"expression": expression, "message": "image must be pinned by digest"}],
        ),
        policy("ValidatingAdmissionPolicyBinding", policyName="tags", validationActions=["Deny"]),
    )
    for part in parts:
        assert api.apply(part).accepted
    yield
    for part in parts:
        api.delete(f"{api.path(part)}/tags")
    container = {"name": "c", "image": "i"}
    labels = {"a": "b"}
    probe = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "probe"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    wait("the policy is gone", lambda: api.apply(probe, dry_run=True).accepted)


@pytest.mark.usefixtures("digests_only")
def test_a_policy_of_the_cluster_is_heard(
    api: Api, files: Files, judged: Callable[[Files], Report]
) -> None:
    for namespace in files["00-namespaces.yaml"]:
        assert api.apply(namespace).accepted
    probe = one(files, DECODE, "Deployment")
    wait("the policy is active", lambda: not api.apply(probe, dry_run=True).accepted)
    report = judged(files)
    refused = {each.name for each in report.applied.refusals}
    assert refused >= {f"Deployment {SERVING}/decode", f"Deployment {ROUTING}/router"}
    assert "image must be pinned by digest" in findings(report)[0].got


VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def allowed(api: Api, resources: set[tuple[str, str]]) -> set[tuple[str, str, str]]:
    """Return namespace, resource and verb of everything the user of a client may do."""
    found = set()
    for namespace in (SERVING, ROUTING, "kube-system", ""):
        for group, resource in sorted(resources):
            for verb in VERBS:
                name, _, part = resource.partition("/")
                asked = {"group": group, "resource": name, "subresource": part, "verb": verb}
                review = {
                    "apiVersion": "authorization.k8s.io/v1",
                    "kind": "SelfSubjectAccessReview",
                    "metadata": {},
                    "spec": {"resourceAttributes": {**asked, "namespace": namespace}},
                }
                path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
                if api.must(api.create(review, path))["status"]["allowed"]:
                    found.add((namespace, resource, verb))
    return found


def test_the_router_may_read_pods_of_the_serving_namespace_and_nothing_else(
    api: Api, files: Files, judged: Callable[[Files], Report]
) -> None:
    assert findings(judged(files)) == []
    groups = [each["preferredVersion"]["groupVersion"] for each in api.get("/apis")["groups"]]
    resources = {("", each["name"]) for each in api.get("/api/v1")["resources"]}
    for group in groups:
        found = api.get(f"/apis/{group}")["resources"]
        resources |= {(group.partition("/")[0], each["name"]) for each in found}
    assert len(resources) > 80
    router = api.impersonating(f"system:serviceaccount:{ROUTING}:router")
    anybody = api.impersonating(f"system:serviceaccount:{ROUTING}:default")
    more = allowed(router, resources) - allowed(anybody, resources)
    assert more == {(SERVING, "pods", verb) for verb in ("get", "list", "watch")}
    assert len(router.items(f"/api/v1/namespaces/{SERVING}/pods")) == 10
    for path in ("/api/v1/pods", f"/api/v1/namespaces/{ROUTING}/pods", "/api/v1/nodes"):
        assert router.request("GET", path).status == 403
        assert anybody.request("GET", path).status == 403
    assert anybody.request("GET", f"/api/v1/namespaces/{SERVING}/pods").status == 403
