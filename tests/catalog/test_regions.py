import boto3
import pytest
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.regions import REGIONS


def test_every_region_that_sells_a_gpu_type_is_known() -> None:
    for row in INSTANCE_TYPES.values():
        assert row.regions <= REGIONS.keys(), row.name


def test_the_oracle_has_zones_for_every_region() -> None:
    assert REGIONS.keys() == RegionsAndZonesBackend.zones.keys()


@pytest.mark.parametrize("name", REGIONS)
def test_zone_ids_start_with_the_prefix(name: str) -> None:
    zones = RegionsAndZonesBackend.zones[name]
    assert zones
    for zone in zones:
        assert zone.zone_id.rpartition("-az")[0] == REGIONS[name].zone_id_prefix


@pytest.mark.parametrize("name", REGIONS)
def test_the_partition_is_the_one_botocore_knows(name: str) -> None:
    assert boto3.session.Session().get_partition_for_region(name) == REGIONS[name].partition
