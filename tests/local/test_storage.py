"""A store of weights on the AWS endpoint: deployed, read back; a difference is noticed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from shipped import checked

from disagg import artifacts
from disagg.local.aws.deploy import bootstrap, deploy_all
from disagg.local.aws.endpoint import AwsEndpoint, Target
from disagg.local.compare import Created, compare, read_created

pytestmark = pytest.mark.slow
COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
STORED = checked(
    "pilot",
    serving__model="meta-llama/Llama-3.3-70B-Instruct",
    serving__max_context_tokens=8192,
    serving__weights={"kind": "s3", "revision": COMMIT, "token_secret": "disagg/hub-token"},
).environment


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Created]:
    base = tmp_path_factory.mktemp("storage")
    artifacts.write_stacks(STORED, base / "stacks")
    target = Target(account=STORED.aws.account, region=STORED.aws.region)
    with AwsEndpoint(directory=base / "run", target=target) as endpoint:
        bootstrap(endpoint, lambda _: None)
        deploy_all(endpoint, base / "stacks", lambda _: None)
        yield read_created(endpoint, STORED.cluster_name)


def different(created: Created) -> list[str]:
    return [fact.about for fact in compare(STORED, created) if not fact.agrees]


def test_the_store_that_was_created_is_the_one_of_the_plan(created: Created) -> None:
    about = [fact.about for fact in compare(STORED, created)]
    assert len([one for one in about if one.startswith("model store")]) == 6
    assert different(created) == []


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        ({"versioned": False}, "model store: versions, closed, owner, key for the bucket"),
        ({"closed": False}, "model store: versions, closed, owner, key for the bucket"),
        ({"bucket_key": False}, "model store: versions, closed, owner, key for the bucket"),
        ({"old_versions_days": 0}, "model store: old versions and broken uploads end [days]"),
        ({"tags": {}}, "model store: buckets"),
    ],
)
def test_another_bucket_is_noticed(created: Created, change: dict[str, Any], noticed: str) -> None:
    (bucket,) = created.buckets
    assert noticed in different(replace(created, buckets=(replace(bucket, **change),)))


def test_a_server_that_may_write_and_a_loader_that_may_not_are_noticed(created: Created) -> None:
    server, loader = (f"pilot-serving/model-{name}" for name in ("server", "loader"))
    swapped = created.permissions | {
        server: created.permissions[loader],
        loader: created.permissions[server],
    }
    assert different(replace(created, permissions=swapped)) == [
        "model store: what model-server may do",
        "model store: what model-loader may do",
    ]
