"""Nodes of both AMI families and both exposures: deployed, read back, equal to the plan."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from shipped import checked

from disagg import artifacts
from disagg.config.environment import Environment
from disagg.local.aws.deploy import bootstrap, deploy_all
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.aws.readback import LaunchTemplate
from disagg.local.compare import Created, compare, read_created

pytestmark = pytest.mark.slow

MIXED = checked(
    "pilot", capacity__decode__ami="bottlerocket", capacity__device_exposure="dra"
).environment


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Created]:
    base = tmp_path_factory.mktemp("devices")
    artifacts.write_stacks(MIXED, base / "stacks")
    target = Target(account=MIXED.aws.account, region=MIXED.aws.region)
    with ExitStack() as stack:
        endpoint = stack.enter_context(AwsEndpoint(directory=base / "run", target=target))
        bootstrap(endpoint, lambda _: None)
        deploy_all(endpoint, base / "stacks", lambda _: None)
        yield read_created(endpoint, MIXED.cluster_name)


def different(environment: Environment, created: Created) -> list[str]:
    return [fact.about for fact in compare(environment, created) if not fact.agrees]


def with_decode(
    created: Created, change: Callable[[LaunchTemplate], LaunchTemplate], **more: Any
) -> Created:
    groups = tuple(
        replace(group, launch_template=change(group.launch_template), **more)
        if group.labels.get("disagg/role") == "decode" and group.launch_template
        else group
        for group in created.node_groups
    )
    return replace(created, node_groups=groups)


def test_what_was_created_is_what_the_plan_says(created: Created) -> None:
    assert different(MIXED, created) == []
    about = {fact.about for fact in compare(MIXED, created)}
    assert "decode nodes: the AMI's own GPU plugin" in about
    assert "prefill nodes: the AMI's own GPU plugin" not in about


def test_a_plan_of_the_other_family_and_exposure_differs_in_what_follows_them(
    created: Created,
) -> None:
    assert different(checked("pilot").environment, created) == [
        "prefill nodes: labels",
        "decode nodes: labels",
        "decode nodes: AMI",
        "decode nodes: encrypted volumes [GiB]",
    ]


def test_disks_that_are_not_joined_and_a_plugin_beside_the_driver_are_noticed(
    created: Created,
) -> None:
    silent = with_decode(created, lambda one: replace(one, user_data=""))
    assert different(MIXED, silent) == [
        "decode nodes: NVMe as RAID 0",
        "decode nodes: the AMI's own GPU plugin",
    ]


def test_a_system_volume_that_is_not_mapped_is_noticed(created: Created) -> None:
    single = with_decode(created, lambda one: replace(one, volumes=one.volumes[1:]))
    assert different(MIXED, single) == ["decode nodes: encrypted volumes [GiB]"]


def test_the_files_of_the_stacks_hold_settings_for_one_group_and_parts_for_the_other(
    created: Created,
) -> None:
    texts = {
        group.labels["disagg/role"]: group.launch_template.user_data
        for group in created.node_groups
        if group.launch_template
    }
    assert texts["decode"].startswith("[settings.")
    assert texts["prefill"].startswith("MIME-Version: ")
