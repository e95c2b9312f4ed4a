"""From the scheduler's words to a person's, with amounts, labels and taints put back in."""

from typing import Any

import pytest

from disagg.local.cluster.words import Reason, explain, reasons, requests, selects

TAIL = (
    " no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not"
    " helpful for scheduling."
)


def node(
    role: str = "decode", *, gpus: int = 8, taints: tuple[str, ...] = (), **more: str
) -> dict[str, Any]:
    allocatable = {"cpu": "100", "memory": "1000Gi", "pods": "100", "nvidia.com/gpu": str(gpus)}
    return {
        "metadata": {"name": role, "labels": {"disagg/role": role}},
        "spec": {
            "taints": [{"key": key, "value": "x", "effect": "NoSchedule"} for key in taints],
        },
        "status": {"allocatable": allocatable | more},
    }


def pod(gpus: int = 4, **spec: Any) -> dict[str, Any]:
    amounts = {"nvidia.com/gpu": str(gpus), "memory": "100Gi"}
    container = {"name": "c", "resources": {"requests": amounts}}
    return {"nodeSelector": {"disagg/role": "decode"}, "containers": [container], **spec}


def failed(*parts: str) -> str:
    return f"0/4 nodes are available: {', '.join(parts)}.{TAIL}"


def test_reasons_are_counted_and_the_talk_of_preemption_is_left_out() -> None:
    text = failed("1 Insufficient memory", "3 node(s) didn't match Pod's node affinity/selector")
    assert reasons(text) == (
        4,
        (
            Reason(1, "Insufficient memory"),
            Reason(3, "node(s) didn't match Pod's node affinity/selector"),
        ),
    )
    assert reasons("something else") == (0, ())


def test_a_reason_with_commas_of_its_own_stays_whole() -> None:
    text = "0/1 nodes are available: 1 node(s) had untolerated taint {a: b, c: d}. preemption: no"
    assert reasons(text) == (1, (Reason(1, "node(s) had untolerated taint {a: b, c: d}"),))


def test_a_pod_asks_for_its_containers_with_sidecars_or_its_largest_init_step() -> None:
    def container(cpu: str, **more: str) -> dict[str, Any]:
        return {"resources": {"requests": {"cpu": cpu}}, **more}

    sidecar = container("1", restartPolicy="Always")
    assert requests({"containers": [container("2")], "initContainers": [sidecar]}) == {"cpu": 3}
    first = [sidecar, container("5")]
    assert requests({"containers": [container("2")], "initContainers": first}) == {"cpu": 6}
    assert requests({"containers": [{"resources": {"limits": {"cpu": "2"}}}]}) == {"cpu": 2}


def test_what_no_node_gives_is_told_from_what_other_pods_have_taken() -> None:
    text = failed("1 Insufficient nvidia.com/gpu")
    never = explain(text, pod(16), [node()])
    assert never.why == (
        "it asks for 16 nvidia.com/gpu, and no node it may use gives more than 8 nvidia.com/gpu"
    )
    taken = explain(text, pod(4), [node()], waiting=3)
    assert "other pods leave less" in taken.why
    assert taken.fix == "2 nodes more in its group, or 3 replicas fewer"
    # As large as a node: one that is empty would hold it.
    whole = explain(text, pod(8), [node()])
    assert "other pods leave less" in whole.why
    block = node()
    block["metadata"]["labels"]["eks.amazonaws.com/capacityType"] = "CAPACITY_BLOCK"
    said = explain(text, pod(4), [block], waiting=3).fix
    assert said == "a larger Capacity Block (2 nodes more), or 3 replicas fewer"


def test_only_the_nodes_a_pod_may_use_count() -> None:
    text = failed("1 Insufficient memory", "1 node(s) didn't match Pod's node affinity/selector")
    told = explain(text, pod(), [node(memory="10Gi"), node("prefill")])
    assert told.why == (
        "it asks for 100 GiB of memory, and no node it may use gives more than 10 GiB of memory"
    )
    assert "selector" not in told.why


def test_a_label_that_no_node_has_is_named_whatever_the_scheduler_says_first() -> None:
    for text in (
        "4 node(s) had untolerated taint(s)",
        "4 node(s) didn't match Pod's node affinity",
    ):
        told = explain(failed(text), pod(), [node("prefill")])
        assert told.why == "no node is labelled disagg/role=decode"
    both = pod(nodeSelector={"disagg/role": "decode", "zone": "a"})
    labels = {"a": {"disagg/role": "decode"}, "b": {"zone": "a"}, "c": {"zone": "a"}, "d": {}}
    split = [{**node(), "metadata": {"name": name, "labels": has}} for name, has in labels.items()]
    assert explain("", both, split).why == (
        "no node has all it selects: a lacks zone=a; b lacks disagg/role=decode"
    )


def affinity(operator: str, *values: str) -> dict[str, Any]:
    expression = {"key": "disagg/role", "operator": operator, "values": list(values)}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


@pytest.mark.parametrize(
    ("operator", "values", "words"),
    [
        ("In", ("a", "b"), "disagg/role=a|b"),
        ("NotIn", ("decode",), "disagg/role!=decode"),
        ("DoesNotExist", (), "!disagg/role"),
    ],
)
def test_node_affinity_is_read_like_a_selector(
    operator: str, values: tuple[str, ...], words: str
) -> None:
    spec = pod(nodeSelector={}, affinity=affinity(operator, *values))
    assert explain("", spec, [node()]).why == f"no node is labelled {words}"


def test_the_taint_is_named_that_the_pod_does_not_tolerate() -> None:
    text = failed("1 node(s) had untolerated taint(s)")
    tolerations = [{"key": "gpu", "operator": "Exists"}, {"key": "b", "value": "x"}]
    told = explain(text, pod(tolerations=tolerations), [node(taints=("gpu", "b", "team"))])
    assert told.why == "the nodes it may use carry team=x:NoSchedule, which it does not tolerate"


def test_affinity_to_other_pods_names_the_place() -> None:
    term = {"topologyKey": "topology.kubernetes.io/zone"}
    near = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    told = explain(
        failed("1 node(s) didn't match pod affinity rules"), pod(affinity=near), [node()]
    )
    assert "not in the zone of the pods it must be near" in told.why
    away = explain(failed("1 node(s) didn't match pod anti-affinity rules"), pod(), [node()])
    assert "must keep away from" in away.why


def test_a_loss_of_the_only_node_and_unknown_words_are_said_as_they_are() -> None:
    told = explain(failed("3 node(s) didn't match"), pod(), [node("prefill")], lost=node())
    assert told.why == "they may use no other node"
    assert explain("0/1 nodes are available: 1 on fire.", pod(), [node()]).why == "1 node: on fire"
    assert "says: strange" in explain("strange", pod(), [node()]).why


def test_a_node_that_is_cordoned_is_no_reason_to_change_anything() -> None:
    text = failed("1 Insufficient nvidia.com/gpu, 1 node(s) were unschedulable")
    told = explain(text, pod(), [node()])
    assert "unschedulable" not in told.why
    assert "nvidia.com/gpu" in told.why


def test_a_taint_of_other_nodes_is_not_blamed_and_one_of_all_usable_nodes_is() -> None:
    taint = {"key": "team", "value": "red", "effect": "NoSchedule"}
    tainted = {**node(), "spec": {"taints": [taint]}}
    text = failed("1 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint(s)")
    assert "team=red" not in explain(text, pod(16), [node(), tainted]).why
    assert "team=red:NoSchedule" in explain(text, pod(), [tainted]).why
    soft = {**node(), "spec": {"taints": [{**taint, "effect": "PreferNoSchedule"}]}}
    assert "team=red" not in explain(text, pod(16), [soft]).why


def test_of_several_terms_one_is_enough_and_numbers_compare() -> None:
    def among(*terms: dict[str, Any]) -> dict[str, Any]:
        matches = [{"matchExpressions": [one]} for one in terms]
        required = {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": matches}
        }
        return {**pod(nodeSelector={}), "affinity": {"nodeAffinity": required}}

    def term(key: str, operator: str, value: str) -> dict[str, Any]:
        return {"key": key, "operator": operator, "values": [value]}

    has = {**node(), "metadata": {"name": "a", "labels": {"cards": "8"}}}
    assert selects(among(term("x", "In", "y"), term("cards", "Gt", "7")), has)
    assert not selects(among(term("x", "In", "y"), term("cards", "Gt", "8")), has)
    assert selects(among(term("cards", "Lt", "9")), has)
    assert not selects(among(term("none", "Lt", "9")), has)
    why = explain("", among(term("x", "In", "y"), term("cards", "Gt", "8")), [has]).why
    assert why == "no node is labelled x=y or cards>8"
