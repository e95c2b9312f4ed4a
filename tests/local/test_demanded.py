"""What an organisation demands, deployed for real to the endpoint and read back."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from shipped import checked

from disagg import artifacts
from disagg.local.aws.deploy import bootstrap, deploy_all
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.compare import Created, compare, read_created

pytestmark = pytest.mark.slow

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
TAGS = "tags: of all clusters, roles, subnets, node groups, instances, volumes"
DEMANDING = checked(
    "pilot",
    aws__tags={"cost-center": "4711"},
    aws__permissions_boundary=BOUNDARY,
    aws__name_prefix="acme",
    aws__bootstrap_qualifier="acme",
).environment


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Created]:
    base = tmp_path_factory.mktemp("demanded")
    artifacts.write_stacks(DEMANDING, base / "stacks")
    target = Target(account=DEMANDING.aws.account, region=DEMANDING.aws.region)
    with AwsEndpoint(directory=base / "run", target=target) as endpoint:
        bootstrap(endpoint, lambda _: None, qualifier="acme")
        deployed = deploy_all(endpoint, base / "stacks", lambda _: None)
        assert [one.name for one in deployed.stacks] == [
            "acme-Pilot-Network",
            "acme-Pilot-Cluster",
            "acme-Pilot-Capacity",
        ]
        yield read_created(endpoint, "acme-pilot", "acme")


def different(created: Created) -> list[str]:
    return [fact.about for fact in compare(DEMANDING, created) if not fact.agrees]


def test_tags_boundary_and_names_are_read_back_as_demanded(created: Created) -> None:
    assert len(created.roles) >= 6
    assert all(role.name.startswith("acme-Pilot-") for role in created.roles)
    assert different(created) == []


def test_one_role_without_boundary_or_one_volume_without_tags_is_noticed(created: Created) -> None:
    bare = replace(created.roles[0], boundary="")
    assert different(replace(created, roles=(bare, *created.roles[1:]))) == [
        "roles: permissions boundary"
    ]
    group = created.node_groups[0]
    assert group.launch_template
    template = replace(group.launch_template, tags={**group.launch_template.tags, "volume": {}})
    groups = (replace(group, launch_template=template), *created.node_groups[1:])
    assert different(replace(created, node_groups=groups)) == [TAGS]
