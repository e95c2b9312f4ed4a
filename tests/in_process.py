"""Stacks deployed to an AWS in this process, as the CDK CLI does it and much faster."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class Endpoint:
    """What `read_created` asks of an endpoint, in this process."""

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self.client = aws


def deployed(aws: Callable[[str], Any], stacks: Path) -> None:
    """Create the stacks of an assembly in their order, each after its assets, as the CLI does."""
    manifest = json.loads((stacks / "manifest.json").read_text("utf-8"))["artifacts"]
    for name in _in_order(manifest):
        for bucket, key, content in _assets(stacks, name):
            aws("s3").put_object(Bucket=bucket, Key=key, Body=content)
        body = (stacks / manifest[name]["properties"]["templateFile"]).read_text("utf-8")
        aws("cloudformation").create_stack(StackName=name, TemplateBody=body)


def _in_order(manifest: dict[str, Any]) -> Iterator[str]:
    left = {k: v for k, v in manifest.items() if v["type"] == "aws:cloudformation:stack"}
    while left:
        ready = [k for k, v in left.items() if not left.keys() & set(v.get("dependencies", []))]
        assert ready
        for name in ready:
            del left[name]
            yield name


def _assets(stacks: Path, name: str) -> Iterator[tuple[str, str, bytes]]:
    listed = json.loads((stacks / f"{name}.assets.json").read_text("utf-8"))["files"]
    for asset in listed.values():
        source = stacks / asset["source"]["path"]
        if source.name.endswith(".template.json"):
            continue
        for place in asset["destinations"].values():
            yield place["bucketName"], place["objectKey"], source.read_bytes()
