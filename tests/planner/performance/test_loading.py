"""How long weights take to the GPUs, against arithmetic by hand."""

from typing import Any

import pytest
from shipped import checked

from disagg.config.environment import Environment
from disagg.planner.fit import placement
from disagg.planner.performance.startup import Loading, loading

S3 = {"kind": "s3", "revision": "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"}


def environment(**edits: Any) -> Environment:
    return checked("pilot", **edits).environment


def of(role: str, **edits: Any) -> Loading:
    one = environment(**edits)
    nodes, _ = placement(one.serving, one.capacity)
    (found,) = [row for row in loading(one, nodes) if row.role == role]
    return found


@pytest.mark.parametrize(("role", "gpus"), [("prefill", 1), ("decode", 4)])
def test_from_the_hub_ten_pods_share_one_gateway_and_read_their_disk_after(
    role: str, gpus: int
) -> None:
    # 12.5 GB/s of the gateway over ten pods, then 4 GB/s of NVMe for each GPU.
    found = of(role)
    assert found.slowest.link == "NAT gateway"
    assert found.slowest.gb_per_second == pytest.approx(1.25)
    assert found.seconds == pytest.approx(65.248815744 / 1.25 + 65.248815744 / (4 * gpus))
    assert found.then is not None


def test_pods_that_share_their_downloads_fetch_once_a_node() -> None:
    # Two nodes, two downloads: the gateway has 6.25 GB/s for each, and the hub gives 1.5.
    found = of("prefill", serving__cache="node")
    assert found.slowest.link == "Hugging Face"
    assert [one.pods for one in found.way] == [1, 2, 1]
    assert found.seconds < of("prefill").seconds


def test_few_pods_wait_for_the_hub_itself() -> None:
    found = of("decode", serving__prefill={"replicas": 1, "tensor_parallel": 1})
    assert found.slowest.link == "Hugging Face"
    assert found.slowest.kind == "assumed"


def test_from_a_store_eight_pods_share_the_interface_of_their_node() -> None:
    # 200 Gbit/s over eight pods are 3.125 GB/s each, less than the 3.77 that a stream does alone.
    found = of("prefill", serving__weights=S3)
    assert found.slowest.gb_per_second == pytest.approx(3.125)
    assert found.seconds == pytest.approx(65.248815744 / 3.125)
    assert found.then is None


def test_two_pods_a_node_wait_for_the_stream() -> None:
    found = of("decode", serving__weights=S3)
    assert found.slowest.link == "S3 into GPU memory"
    assert found.seconds == pytest.approx(65.248815744 / 3.77)


FSX = {"kind": "fsx", "revision": S3["revision"]}


@pytest.mark.parametrize("role", ["prefill", "decode"])
def test_from_a_file_system_ten_pods_share_what_its_disks_read(role: str) -> None:
    # 1200 GiB are 1.171875 TiB at 1000 MB/s each, over ten pods; GPUs and nodes play no part.
    found = of(role, serving__weights=FSX)
    assert found.slowest.link == "FSx for Lustre of 1,200 GiB"
    assert found.seconds == pytest.approx(65.248815744 / (1.171875 / 10))
    assert found.then is None


def test_a_file_system_is_as_fast_as_s3_only_when_it_is_very_large() -> None:
    # Eight pods of a node share 25 GB/s of its interface; all ten share the disks.
    large = FSX | {"capacity_gib": 2_400 * 14}
    found = of("prefill", serving__weights=large)
    assert found.slowest.link == "network interface of p6-b200.48xlarge"
    assert of("prefill", serving__weights=FSX | {"capacity_gib": 2_400 * 13}).seconds > (
        found.seconds
    )


@pytest.mark.parametrize("weights", [{"kind": "hugging_face"}, S3, FSX])
def test_every_rate_says_what_it_is_and_from_where(weights: dict[str, Any]) -> None:
    for role in ("prefill", "decode"):
        found = of(role, serving__weights=weights)
        for share in (*found.way, *([found.then] if found.then else [])):
            assert share.kind in {"published", "assumed"}
            assert share.source
            assert share.date.startswith("2026-")


def test_more_pods_never_load_faster() -> None:
    times = [
        of("prefill", serving__prefill={"replicas": n, "tensor_parallel": 1}).seconds
        for n in (1, 4, 8)
    ]
    assert times == sorted(times)
