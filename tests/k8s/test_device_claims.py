"""What claims look like in manifests, and that nothing of them shows without DRA."""

from typing import Any

import kubernetes_validate
import pytest
from shipped import checked

import disagg_k8s

DRA: dict[str, Any] = {"capacity__device_exposure": "dra"}
P5_WHOLE = {
    **DRA,
    "capacity__prefill__instance_type": "p5.48xlarge",
    "capacity__decode__instance_type": "p5.48xlarge",
    "serving__prefill": {"replicas": 1, "tensor_parallel": 8},
    "serving__decode": {"replicas": 1, "tensor_parallel": 8},
}
FILE = "25-device-claims.yaml"


def rendered(**edits: Any) -> dict[str, list[dict[str, Any]]]:
    return disagg_k8s.render(checked("pilot", **edits).environment)


def pod(files: dict[str, list[dict[str, Any]]], name: str) -> dict[str, Any]:
    objects = [one for objects in files.values() for one in objects]
    (found,) = [
        one for one in objects if (one["kind"], one["metadata"]["name"]) == ("Deployment", name)
    ]
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


def test_pods_name_a_claim_in_place_of_counts() -> None:
    files = rendered(**DRA)
    for role, template in (
        ("prefill", "prefill-1gpu-1efa-near"),
        ("decode", "decode-4gpu-4efa-near"),
        ("baseline", "baseline-4gpu-0efa"),
    ):
        spec = pod(files, role)
        assert spec["resourceClaims"] == [
            {"name": "devices", "resourceClaimTemplateName": template}
        ]
        users = [one for one in spec["containers"] if one["name"] == "modelserver"]
        users += [one for one in spec.get("initContainers", []) if one["name"] == "fabric-gate"]
        assert len(users) == (1 if role == "baseline" else 2)
        for one in users:
            assert one["resources"]["claims"] == [{"name": "devices"}]
            for amounts in (one["resources"]["requests"], one["resources"]["limits"]):
                assert not {"nvidia.com/gpu", "vpc.amazonaws.com/efa"} & amounts.keys()
        assert {t["key"] for t in spec["tolerations"]} == {"nvidia.com/gpu"}


def test_the_routing_sidecar_sees_no_device() -> None:
    sidecar = pod(rendered(**DRA), "decode")["initContainers"][-1]
    assert sidecar["name"] == "routing-proxy"
    assert "claims" not in sidecar["resources"]


def test_each_gpu_is_bound_to_its_card() -> None:
    (decode,) = [
        one for one in rendered(**DRA)[FILE] if one["metadata"]["name"].startswith("decode")
    ]
    devices = decode["spec"]["spec"]["devices"]
    assert [one["exactly"]["count"] for one in devices["requests"]] == [1] * 8
    assert [one["requests"] for one in devices["constraints"]] == [
        [f"gpu-{n}", f"efa-{n}"] for n in range(4)
    ]
    assert {one["matchAttribute"] for one in devices["constraints"]} == {
        "resource.kubernetes.io/pcieRoot"
    }


def test_forty_devices_are_two_claims_of_one_template() -> None:
    spec = pod(rendered(**P5_WHOLE), "decode")
    assert spec["resourceClaims"] == [
        {"name": f"devices-{n}", "resourceClaimTemplateName": "decode-4gpu-16efa-near"}
        for n in range(2)
    ]
    assert spec["containers"][0]["resources"]["claims"] == [
        {"name": "devices-0"},
        {"name": "devices-1"},
    ]


def test_another_layout_is_another_template_because_a_template_cannot_change() -> None:
    names = [
        {one["metadata"]["name"] for one in rendered(**DRA, **edits)[FILE]}
        for edits in ({}, {"serving__decode": {"replicas": 1, "tensor_parallel": 8}})
    ]
    assert names[0] - names[1] == {"decode-4gpu-4efa-near"}
    assert names[1] - names[0] == {"decode-8gpu-8efa-near"}


@pytest.mark.parametrize("version", ["1.34", "1.35"])
@pytest.mark.parametrize("edits", [DRA, P5_WHOLE])
def test_strict_schemas_take_every_object(version: str, edits: dict[str, Any]) -> None:
    for one in (one for objects in rendered(**edits).values() for one in objects):
        kubernetes_validate.validate(one, version, strict=True)


def test_with_device_plugins_there_is_no_claim_at_all() -> None:
    files = rendered()
    assert FILE not in files
    assert "resourceClaims" not in str(files)
    assert "claims" not in pod(files, "decode")["containers"][0]["resources"]


def test_the_gate_names_who_hands_out_devices() -> None:
    for edits, giver in ((DRA, "the EFA DRA driver"), ({}, "the EFA device plugin")):
        gate = pod(rendered(**edits), "prefill")["initContainers"][0]
        assert giver in gate["command"][-1]
