"""Every rule about the model servers and their KV transfer, broken in one place."""

from collections.abc import Callable
from typing import Any

from manifest_edits import (
    Mutation,
    Violation,
    argument,
    baseline,
    both,
    decode,
    decode_pod,
    deployment,
    each,
    found_after,
    node_label,
    prefill,
    prefill_pod,
    put,
    sidecar,
    switch_on,
    transfer,
    variable,
)

from disagg.checks.manifests import fabric_rules, serving_rules, transfer_rules
from disagg.checks.rule import rules_of

GIB = 1024**3


def offloading(size: float, suffix: str = "") -> Mutation:
    extra = {f"cpu_bytes_to_use{suffix}": size}
    return transfer(lambda c: c["kv_connector_extra_config"].update(extra))


def beside_nixl(size: int) -> Callable[[dict[str, Any]], None]:
    """Put NIXL and an offloading connector into a MultiConnector, as llm-d's guide does."""

    def edit(config: dict[str, Any]) -> None:
        names = ("kv_connector", "kv_connector_extra_config")
        nixl = {name: config[name] for name in names}
        offload = {
            "kv_connector": "OffloadingConnector",
            "kv_role": "kv_both",
            "kv_connector_extra_config": {"cpu_bytes_to_use": size},
        }
        config.update(
            kv_connector="MultiConnector",
            kv_connector_extra_config={"connectors": [nixl, offload]},
        )

    return edit


VIOLATIONS: list[Violation] = [
    ("DISAGG-SRV-001", "no decode", lambda f: f.pop("30-decode-pool.yaml")),
    ("DISAGG-SRV-001", "other replicas", put("spec.replicas", 7, deployment("prefill"))),
    ("DISAGG-SRV-002", "prefill more parallel", argument("--tensor-parallel-size", "8", prefill)),
    ("DISAGG-SRV-002", "not a multiple", argument("--tensor-parallel-size", "3", prefill)),
    ("DISAGG-SRV-003", "idle GPUs", argument("--tensor-parallel-size", "2", decode)),
    ("DISAGG-SRV-004", "two images", put("image", "vllm/vllm-openai:v0.26.0", decode)),
    ("DISAGG-SRV-005", "block sizes", argument("--block-size", "64", decode)),
    ("DISAGG-SRV-005", "cache types", argument("--kv-cache-dtype", "fp8", decode)),
    ("DISAGG-SRV-005", "models", lambda f: decode(f)["args"].__setitem__(0, "openai/gpt-oss-20b")),
    ("DISAGG-SRV-006", "no zone", node_label("topology.k8s.aws/zone-id", None, decode_pod)),
    (
        "DISAGG-SRV-006",
        "another zone",
        node_label("topology.k8s.aws/zone-id", "usw2-az1", prefill_pod),
    ),
    ("DISAGG-SRV-007", "no group", node_label("disagg/role", None, prefill_pod)),
    ("DISAGG-SRV-007", "the other's nodes", node_label("disagg/role", "prefill", decode_pod)),
    (
        "DISAGG-SRV-008",
        "p5en's two for each GPU",
        put("resources.requests", {"vpc.amazonaws.com/efa": "2"}, prefill),
    ),
    ("DISAGG-SRV-009", "no provider", variable("FI_PROVIDER", None)),
    ("DISAGG-SRV-009", "shared memory", variable("FI_EFA_ENABLE_SHM_TRANSFER", "1")),
    ("DISAGG-SRV-009", "huge pages it has not", variable("FI_EFA_USE_HUGE_PAGE", "1")),
    ("DISAGG-SRV-010", "no gate", put("initContainers", [], prefill_pod)),
    (
        "DISAGG-SRV-010",
        "a gate without a limit",
        put("initContainers.0.command", ["fi_info -p efa"], decode_pod),
    ),
    (
        "DISAGG-SRV-010",
        "a privileged gate",
        put("initContainers.0.securityContext", {"privileged": True}, decode_pod),
    ),
    (
        "DISAGG-SRV-010",
        "a gate that is privileged among other things",
        switch_on("initContainers.0.securityContext.privileged", prefill_pod),
    ),
    ("DISAGG-SRV-011", "localhost", variable("VLLM_NIXL_SIDE_CHANNEL_HOST", "localhost")),
    ("DISAGG-SRV-011", "a closed port", variable("VLLM_NIXL_SIDE_CHANNEL_PORT", "5557")),
    ("DISAGG-SRV-012", "the sidecar's port", put("readinessProbe.httpGet.port", 8000, decode)),
    ("DISAGG-SRV-012", "another path", put("livenessProbe.httpGet.path", "/", decode)),
    ("DISAGG-SRV-013", "no sidecar", lambda f: decode_pod(f)["initContainers"].pop()),
    ("DISAGG-SRV-013", "an init step", put("restartPolicy", None, sidecar)),
    ("DISAGG-SRV-013", "another port", argument("--model-server-port", "8100", sidecar)),
    ("DISAGG-SRV-014", "a short wait", put("lifecycle.preStop.sleep.seconds", 30, prefill)),
    (
        "DISAGG-SRV-015",
        "no hybrid cache",
        argument("--no-disable-hybrid-kv-cache-manager", None, decode),
    ),
    ("DISAGG-SRV-016", "equal priorities", put("priorityClassName", "pilot-prefill", decode_pod)),
    (
        "DISAGG-SRV-017",
        "a baseline that transfers",
        argument("--kv-transfer-config", '{"kv_connector":"NixlConnector"}', baseline),
    ),
    ("DISAGG-SRV-018", "another seed", variable("PYTHONHASHSEED", "1")),
    ("DISAGG-SRV-018", "vLLM's keep-alive", variable("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", None)),
    ("DISAGG-KVT-001", "kv_both", transfer(lambda c: c.update(kv_role="kv_both"))),
    ("DISAGG-KVT-001", "no transfer", argument("--kv-transfer-config", None, decode)),
    ("DISAGG-KVT-001", "not JSON", argument("--kv-transfer-config", "{", decode)),
    ("DISAGG-KVT-002", "a typo", transfer(lambda c: c.update(kv_conector="x"))),
    ("DISAGG-KVT-002", "a removed key", transfer(lambda c: c.update(kv_rank=0))),
    (
        "DISAGG-KVT-002",
        "a key nobody reads",
        transfer(lambda c: c["kv_connector_extra_config"].update(split=1)),
    ),
    ("DISAGG-KVT-003", "push", transfer(lambda c: c.update(kv_connector="NixlPushConnector"))),
    ("DISAGG-KVT-003", "unknown", transfer(lambda c: c.update(kv_connector="NixleConnector"))),
    ("DISAGG-KVT-004", "UCX", transfer(lambda c: c["kv_connector_extra_config"].pop("backends"))),
    ("DISAGG-KVT-005", "no policy", transfer(lambda c: c.pop("kv_load_failure_policy"))),
    (
        "DISAGG-KVT-005",
        "the policy where it is not read",
        transfer(
            lambda c: c["kv_connector_extra_config"].update(policy=c.pop("kv_load_failure_policy"))
        ),
    ),
    (
        "DISAGG-KVT-006",
        "two leases",
        transfer(lambda c: c["kv_connector_extra_config"].update(kv_lease_duration=60)),
    ),
    (
        "DISAGG-KVT-007",
        "vLLM's port in the topic",
        argument(
            "--kv-events-config",
            '{"enable_kv_cache_events":true,"topic":"kv@$(POD_IP):8200@m"}',
            decode,
        ),
    ),
    # Oracle: a decode pod of the pilot is limited to 272 GiB and has 16 GiB of /dev/shm, so 256 GiB
    # are too much and 255 GiB are not; a prefill pod to 80 and 16 GiB. By hand from the file.
    ("DISAGG-KVT-008", "the flag", argument("--kv-offloading-size", "256", decode)),
    ("DISAGG-KVT-008", "a fraction", argument("--kv-offloading-size", "64.0", prefill)),
    ("DISAGG-KVT-008", "no number", argument("--kv-offloading-size", "much", decode)),
    ("DISAGG-KVT-008", "nothing", argument("--kv-offloading-size", "", decode)),
    ("DISAGG-KVT-008", "the baseline", argument("--kv-offloading-size", "256", baseline)),
    ("DISAGG-KVT-008", "bytes", offloading(256 * GIB)),
    ("DISAGG-KVT-008", "bytes of each of four ranks", offloading(64 * GIB, suffix="_per_rank")),
    ("DISAGG-KVT-008", "not finite", offloading(float("nan"))),
    ("DISAGG-KVT-008", "in a connector", transfer(beside_nixl(256 * GIB))),
    ("DISAGG-KVT-008", "in a connector of prefill", transfer(beside_nixl(64 * GIB), "prefill")),
    (
        "DISAGG-KVT-008",
        "a larger /dev/shm",
        both(offloading(200 * GIB), put("volumes.0.emptyDir.sizeLimit", "72Gi", decode_pod)),
    ),
]

FITS: list[Violation] = [
    ("DISAGG-KVT-008", "the flag", argument("--kv-offloading-size", "255", decode)),
    ("DISAGG-KVT-008", "part of a GiB", argument("--kv-offloading-size", "63.9", prefill)),
    ("DISAGG-KVT-008", "bytes", offloading(256 * GIB - 1)),
    ("DISAGG-KVT-008", "bytes of each of four ranks", offloading(63 * GIB, suffix="_per_rank")),
    ("DISAGG-KVT-008", "in a connector", transfer(beside_nixl(255 * GIB))),
    (
        "DISAGG-KVT-008",
        "no /dev/shm",
        both(offloading(256 * GIB), lambda f: decode(f)["volumeMounts"].pop(0)),
    ),
]


@each(VIOLATIONS)
def test_a_violation_is_found(code: str, mutate: Mutation) -> None:
    assert code in found_after(mutate)


@each(FITS)
def test_offloaded_cache_that_fits_is_fine(code: str, mutate: Mutation) -> None:
    assert code not in found_after(mutate)


def test_every_rule_has_a_violation() -> None:
    rules = rules_of(serving_rules, fabric_rules, transfer_rules)
    assert {one.code for one in rules} == {code for code, _, _ in VIOLATIONS}
