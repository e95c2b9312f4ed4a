import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from disagg.local.aws.extension import install

ACCOUNT = "123456789012"
REGION = "us-west-2"
# Why: a session reads each service's description once, 0.1 s for EC2.
_SESSION: Any = boto3.Session(
    aws_access_key_id="test",
    aws_secret_access_key="test",  # noqa: S106 - moto takes any
    region_name=REGION,
)


def is_gone(pid: int) -> bool:
    """Return whether the process has ended; a zombie nobody has reaped yet counts as ended."""
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - procfs
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def client(service: str) -> Any:
    """Return a client of the AWS in this process, where `mock_aws` is on."""
    return _SESSION.client(service)


@pytest.fixture
def gone() -> Callable[[int], bool]:
    return is_gone


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Clients of an AWS in this process, empty at the start, with our extension."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    # Why: each EC2 that is made would read a thousand images otherwise.
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    install()
    with mock_aws():
        yield _SESSION.client


@pytest.fixture
def deploy(aws: Callable[[str], Any]) -> Callable[..., dict[str, str]]:
    """Create or update a stack from resources (or a whole template); return its physical ids."""
    cloudformation = aws("cloudformation")

    def run(resources: Mapping[str, Any], *, name: str = "stack", **more: Any) -> dict[str, str]:
        body = json.dumps({"Resources": resources, **more})
        existing = [item["StackName"] for item in cloudformation.describe_stacks()["Stacks"]]
        change = cloudformation.update_stack if name in existing else cloudformation.create_stack
        change(StackName=name, TemplateBody=body)
        found = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}

    return run
