"""Every rule about the model servers and their KV transfer, broken in one place."""

from manifest_edits import (
    AFFINITY,
    Mutation,
    Violation,
    argument,
    baseline,
    decode,
    decode_pod,
    deployment,
    each,
    found_after,
    prefill,
    prefill_pod,
    put,
    sidecar,
    transfer,
    variable,
)

from disagg.checks.manifests import fabric_rules, serving_rules, transfer_rules
from disagg.checks.rule import rules_of

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
    ("DISAGG-SRV-006", "no zone", put("affinity.podAffinity", None, decode_pod)),
    (
        "DISAGG-SRV-006",
        "only its own role",
        lambda f: decode_pod(f)["affinity"]["podAffinity"][AFFINITY][0]["labelSelector"][
            "matchLabels"
        ].update({"llm-d.ai/role": "decode"}),
    ),
    ("DISAGG-SRV-007", "no anti-affinity", put("affinity.podAntiAffinity", None, prefill_pod)),
    (
        "DISAGG-SRV-007",
        "from its own role too",
        lambda f: prefill_pod(f)["affinity"]["podAntiAffinity"][AFFINITY][0][
            "labelSelector"
        ].update(matchLabels={"app.kubernetes.io/instance": "pilot"}),
    ),
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
]


@each(VIOLATIONS)
def test_a_violation_is_found(code: str, mutate: Mutation) -> None:
    assert code in found_after(mutate)


def test_every_rule_has_a_violation() -> None:
    rules = rules_of(serving_rules, fabric_rules, transfer_rules)
    assert {one.code for one in rules} == {code for code, _, _ in VIOLATIONS}
