"""Random environments for tests: texts that are mostly valid."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from shipped import edited

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.models import MODELS
from disagg.catalog.regions import REGIONS
from disagg.checks.environment import check
from disagg.config.environment import Environment
from disagg.config.yaml_reader import read_text
from disagg.errors import InvalidInputError

ON_DEMAND = sorted(name for name, row in INSTANCE_TYPES.items() if row.sold_on_demand)
ACCOUNT = "210987654321"


@st.composite
def vpc_ranges(draw: st.DrawFn) -> IPv4Network:
    """Draw a range that a VPC may have; the checks drop what overlaps the services."""
    prefix = draw(st.integers(16, 22))
    base = int(IPv4Address(draw(st.sampled_from(["10.0.0.0", "172.16.0.0", "192.168.0.0"]))))
    return IPv4Network((base + draw(st.integers(0, 3)) * 2 ** (32 - prefix), prefix))


def appetites(gpus: int) -> st.SearchStrategy[dict[str, int]]:
    """Draw what a pod asks for beside GPUs, around and above their share of a node."""
    return st.fixed_dictionaries(
        {},
        optional={
            "cpu": st.sampled_from([4, 8, 11, 20, 24, 40]).map(lambda cores: cores * gpus),
            "memory_gib": st.sampled_from([80, 120, 200, 230, 300]).map(lambda gib: gib * gpus),
            "huge_pages_mib": st.sampled_from([0, 1024, 1282, 2048, 5120]),
        },
    )


def weights() -> st.SearchStrategy[dict[str, str]]:
    """Draw where pods get the model; a token comes along whether the model is gated or not."""
    s3 = {
        "kind": "s3",
        "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a",
        "token_secret": "disagg/hub-token",
    }
    hub = {"kind": "hugging_face"}
    return st.sampled_from([hub, hub, s3, s3 | {"bucket": "models-of-ours", "prefix": "llm/eu"}])


@st.composite
def environments(draw: st.DrawFn, name: str = "", *, tight: bool = False) -> str:
    """Draw the text of an environment that is mostly valid; the checks drop the rest.

    Args:
        draw: Given by Hypothesis.
        name: Its name; drawn when empty.
        tight: Whether roles may have more pods than GPUs, and pods more of all else than a share.
    """
    kind = draw(st.sampled_from(ON_DEMAND))
    region = draw(st.sampled_from(sorted(INSTANCE_TYPES[kind].regions)))
    known = REGIONS[region]
    zones = [f"{known.zone_id_prefix}-az{number}" for number in range(1, draw(st.integers(3, 5)))]
    prefill = draw(st.sampled_from([1, 2, 4, 8]))
    decode = draw(st.sampled_from([tp for tp in (1, 2, 4, 8) if tp >= prefill]))
    nodes = {"prefill": draw(st.integers(1, 3)), "decode": draw(st.integers(1, 3))}
    colocate = draw(st.booleans())
    replicas = {
        "prefill": draw(st.integers(1, nodes["prefill"] * 8 // prefill + 2 * tight)),
        "decode": draw(st.integers(1, nodes["decode"] * 8 // decode + 2 * tight)),
    }
    capacity: dict[str, Any] = {
        name: {"instance_type": kind, "nodes": count, "desired_nodes": draw(st.integers(0, count))}
        for name, count in ({"shared": sum(nodes.values())} if colocate else nodes).items()
    }
    capacity["placement_group"] = draw(st.sampled_from(["auto", "cluster", "none"]))
    return edited(
        "pilot",
        {
            "name": name or draw(st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)),
            "aws": {"account": ACCOUNT, "region": region},
            "network.cidr": str(draw(vpc_ranges())),
            "network.availability_zone_ids": zones,
            "network.fabric_zone_id": draw(st.sampled_from(zones)),
            "cluster.administrators": draw(
                st.lists(
                    st.sampled_from(
                        [
                            f"arn:{known.partition}:iam::{ACCOUNT}:role/{name}"
                            for name in ("a", "team/b", "c+d=e,f.g@h_i")
                        ]
                    ),
                    min_size=1,
                    max_size=3,
                )
            ),
            "cluster.client_cidrs": draw(
                st.lists(st.sampled_from(["10.200.0.0/16", "192.168.250.7/32"]), max_size=2)
            ),
            "cluster.kubernetes_version": draw(st.sampled_from(["1.33", "1.34", "1.35"])),
            "capacity": capacity,
            "serving.model": draw(st.sampled_from(sorted(MODELS))),
            "serving.weights": draw(weights()),
            "serving.cache": draw(st.sampled_from(["pod", "node"])),
            "serving.max_context_tokens": draw(st.sampled_from([4096, 32768])),
            "serving.prefill": {
                "replicas": replicas["prefill"],
                "tensor_parallel": prefill,
                "huge_pages_mib": draw(st.sampled_from([0, 0, 512])),
                **(draw(appetites(prefill)) if tight else {}),
            },
            "serving.decode": {
                "replicas": replicas["decode"],
                "tensor_parallel": decode,
                **(draw(appetites(decode)) if tight else {}),
            },
            "serving.placement": "colocate" if colocate else "separate_nodes",
            "serving.gateway.kind": draw(st.sampled_from(["standalone", "istio", "agentgateway"])),
            "serving.router": {
                "policy": draw(st.sampled_from(["load_aware", "prefix_aware", "prefix_precise"])),
                "decider": draw(st.sampled_from(["always_disaggregate", "prefix_based"])),
                **draw(st.sampled_from([{}, {"flow_control": {}}, {"session_header": "x-s"}])),
            },
            "serving.kv_transfer": {
                "failure_policy": draw(st.sampled_from(["fail", "recompute"])),
                "block_size": draw(st.sampled_from([16, 64, 128])),
            },
            "serving.pod_privilege": draw(st.sampled_from(["ipc_lock", "privileged"])),
        },
    )


def sound(text: str) -> Environment:
    try:
        return check(read_text(text, "random.yaml")).environment
    except InvalidInputError:
        assume(condition=False)
        raise
