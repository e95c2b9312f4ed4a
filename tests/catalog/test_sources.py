import re
from collections.abc import Iterator
from datetime import date

import pytest

from disagg.catalog.amis import AMI_FAMILIES, BOTTLEROCKET_SETTINGS_SOURCE
from disagg.catalog.charts import CHARTS
from disagg.catalog.cluster_agents import AGENTS
from disagg.catalog.definitions import DEFINITION_MODULES
from disagg.catalog.dra import DEVICE_CLASSES, DRIVERS, PCIE_ROOTS
from disagg.catalog.flags import FLAG_TABLES
from disagg.catalog.iam_load_balancer import LOAD_BALANCER_SOURCE
from disagg.catalog.images import IMAGE_PROFILES
from disagg.catalog.instances import INSTANCE_TYPES
from disagg.catalog.kubernetes import KUBERNETES_VERSIONS
from disagg.catalog.kv_transfer import KV_TRANSFER_SOURCE
from disagg.catalog.metrics import VLLM_COUNTERS_SOURCE
from disagg.catalog.models import MODELS
from disagg.catalog.regions import REGIONS_SOURCE
from disagg.catalog.resources import (
    HUGE_PAGES_SOURCE,
    LABELS_SOURCE,
    NODE_LABELS_SOURCE,
    RESOURCES_SOURCE,
)
from disagg.catalog.router_plugins import PLUGINS_SOURCE
from disagg.catalog.source import Source
from disagg.catalog.system_instances import SYSTEM_INSTANCE_TYPES
from disagg.config.prices import bundled_prices


def _sources() -> Iterator[tuple[str, Source]]:
    for instance in INSTANCE_TYPES.values():
        yield instance.name, instance.source
    for tables in (
        SYSTEM_INSTANCE_TYPES,
        MODELS,
        IMAGE_PROFILES,
        KUBERNETES_VERSIONS,
        CHARTS,
        AGENTS,
        AMI_FAMILIES,
        DEVICE_CLASSES,
        DRIVERS,
        PCIE_ROOTS,
    ):
        for name, row in tables.items():
            yield name, row.source
    for version in KUBERNETES_VERSIONS.values():
        for add_on in version.add_ons:
            yield f"{version.name} {add_on.name}", add_on.source
    for price in bundled_prices().rows:
        yield f"{price.item} {price.offer} {price.region}", price.source
    for (program, number), table in FLAG_TABLES.items():
        yield f"{program} {number}", table.source
    for module in DEFINITION_MODULES:
        yield module.path, module.source
    yield "Bottlerocket settings", BOTTLEROCKET_SETTINGS_SOURCE
    yield "load balancer controller", LOAD_BALANCER_SOURCE
    yield "kv transfer", KV_TRANSFER_SOURCE
    yield "regions", REGIONS_SOURCE
    yield "huge pages", HUGE_PAGES_SOURCE
    yield "labels", LABELS_SOURCE
    yield "metrics", VLLM_COUNTERS_SOURCE
    yield "node labels", NODE_LABELS_SOURCE
    yield "resources", RESOURCES_SOURCE
    yield "router plugins", PLUGINS_SOURCE


SOURCES = list(_sources())


def test_no_table_is_empty() -> None:
    assert len(SOURCES) > 45


@pytest.mark.parametrize(("name", "source"), SOURCES, ids=[name for name, _ in SOURCES])
def test_every_row_has_a_source_and_a_date(name: str, source: Source) -> None:
    assert len(source.reference) > 10, name
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", source.date), name
    assert date(2025, 1, 1) <= date.fromisoformat(source.date) <= date(2026, 11, 28), name


def test_every_key_is_the_name_of_its_row() -> None:
    for tables in (INSTANCE_TYPES, SYSTEM_INSTANCE_TYPES, MODELS, IMAGE_PROFILES, CHARTS):
        for key, row in tables.items():
            assert key == row.name
