import gzip
import json
from pathlib import Path
from typing import Any

import cfnlint
import moto
import pytest

from disagg.catalog.instances import INSTANCE_TYPES, InstanceType
from disagg.catalog.regions import REGIONS
from disagg.catalog.system_instances import DEFAULT_SYSTEM_INSTANCE_TYPES, SYSTEM_INSTANCE_TYPES
from disagg.config.prices import bundled_prices


def _recorded() -> dict[str, Any]:
    """What EC2's DescribeInstanceTypes answered, as moto ships it."""
    path = Path(moto.__path__[0]) / "ec2" / "resources" / "instance_types.json.gz"
    with gzip.open(path) as file:
        return dict(json.load(file))


def _sold_in() -> dict[str, frozenset[str]]:
    """Instance types by region, as cfn-lint derives them from AWS's price list."""
    folder = Path(cfnlint.__path__[0]) / "data" / "schemas" / "extensions" / "aws_ec2_instance"
    table = json.loads((folder / "instancetype_enum.json").read_text())
    return {
        region: frozenset(entry["enum"])
        for region, entry in table.items()
        if region in REGIONS and "enum" in entry
    }


def _sold_for_hyperpod() -> dict[str, frozenset[str]]:
    """Types of HyperPod by region, as cfn-lint derives them from AWS's price list."""
    folder = Path(cfnlint.__path__[0]) / "data" / "schemas" / "extensions"
    table = json.loads((folder / "aws_sagemaker_cluster" / "instancetype_enum.json").read_text())
    return {
        region: frozenset(entry["enum"])
        for region, entry in table.items()
        if region in REGIONS and "enum" in entry
    }


RECORDED = _recorded()
SOLD_IN = _sold_in()
SOLD_FOR_HYPERPOD = _sold_for_hyperpod()
ROWS = pytest.mark.parametrize("row", INSTANCE_TYPES.values(), ids=lambda row: row.name)


def _entry(row: InstanceType) -> dict[str, Any]:
    if row.name not in RECORDED:
        pytest.skip(f"moto has no record of {row.name}")
    return dict(RECORDED[row.name])


def test_the_oracle_knows_the_types_that_matter_most() -> None:
    assert {"p6-b200.48xlarge", "p6-b300.48xlarge", "p5en.48xlarge"} <= RECORDED.keys()
    assert {"p6-b200.48xlarge", "p6-b300.48xlarge", "p5en.48xlarge"} <= INSTANCE_TYPES.keys()


@ROWS
def test_gpus_are_what_ec2_says(row: InstanceType) -> None:
    gpu = _entry(row)["GpuInfo"]["Gpus"][0]
    assert (row.gpus, row.gpu_name) == (gpu["Count"], gpu["Name"])
    assert row.gpu_memory_mib == gpu["MemoryInfo"]["SizeInMiB"]


@ROWS
def test_cpu_memory_and_disks_are_what_ec2_says(row: InstanceType) -> None:
    entry = _entry(row)
    assert row.vcpus == entry["VCpuInfo"]["DefaultVCpus"]
    assert row.memory_mib == entry["MemoryInfo"]["SizeInMiB"]
    assert row.nvme_gb == entry["InstanceStorageInfo"]["TotalSizeInGB"]


@ROWS
def test_network_is_what_ec2_says(row: InstanceType) -> None:
    network = _entry(row)["NetworkInfo"]
    assert row.network_cards == network["MaximumNetworkCards"] == len(network["NetworkCards"])
    assert row.efa_devices == network["EfaInfo"]["MaximumEfaInterfaces"]
    assert f"{row.network_gbps} Gigabit" == network["NetworkPerformance"]
    card_zero = next(card for card in network["NetworkCards"] if card["NetworkCardIndex"] == 0)
    assert row.card_zero_has_efa == ("efa-only" in card_zero["InterfaceTypes"])


@ROWS
def test_every_efa_device_has_a_card(row: InstanceType) -> None:
    assert row.efa_devices == row.network_cards - (0 if row.card_zero_has_efa else 1)


@ROWS
def test_regions_are_those_that_sell_the_type(row: InstanceType) -> None:
    assert row.regions == {region for region, names in SOLD_IN.items() if row.name in names}


@ROWS
def test_pods_get_less_than_the_node_has(row: InstanceType) -> None:
    assert 0 < row.allocatable_cpu_milli < row.vcpus * 1000
    assert 0.85 * row.memory_mib < row.allocatable_memory_mib < row.memory_mib


@ROWS
def test_what_is_sold_on_demand_has_a_price_and_the_rest_has_none(row: InstanceType) -> None:
    assert (bundled_prices().on_demand(row.name, "us-east-1") is not None) == row.sold_on_demand


@pytest.mark.parametrize("name", SYSTEM_INSTANCE_TYPES)
def test_system_types_are_what_ec2_says(name: str) -> None:
    row, entry = SYSTEM_INSTANCE_TYPES[name], RECORDED[name]
    assert row.vcpus == entry["VCpuInfo"]["DefaultVCpus"]
    assert row.memory_mib == entry["MemoryInfo"]["SizeInMiB"]
    assert "GpuInfo" not in entry
    assert row.allocatable_cpu_milli < row.vcpus * 1000


def test_the_default_system_type_is_sold_wherever_a_gpu_type_is() -> None:
    default = DEFAULT_SYSTEM_INSTANCE_TYPES["eks"]
    assert set(DEFAULT_SYSTEM_INSTANCE_TYPES.values()) <= SYSTEM_INSTANCE_TYPES.keys()
    gpu_regions = frozenset[str]().union(*(row.regions for row in INSTANCE_TYPES.values()))
    for region in gpu_regions:
        assert default in SOLD_IN[region]


@ROWS
def test_hyperpod_sells_its_type_where_the_price_list_says(row: InstanceType) -> None:
    selling = {region for region, types in SOLD_FOR_HYPERPOD.items() if f"ml.{row.name}" in types}
    assert row.hyperpod_regions == selling


def test_hyperpod_has_the_default_system_type_wherever_it_has_gpus() -> None:
    selling = frozenset[str]().union(*(row.hyperpod_regions for row in INSTANCE_TYPES.values()))
    default = f"ml.{DEFAULT_SYSTEM_INSTANCE_TYPES['hyperpod']}"
    assert "us-west-2" in selling
    assert [one for one in sorted(selling) if default not in SOLD_FOR_HYPERPOD[one]] == []
