"""End well when every file the loader listed is in the store.

    python3 weights_gate.py s3://BUCKET/PREFIX

A server that starts while its model is still being copied would load a part of it.
"""

import json
import sys
import urllib.parse
from typing import Any

import boto3

LIST = "disagg-files.json"


def missing(s3: Any, store: str) -> list[str]:
    """Return what the store lacks, in words; empty when the model is whole."""
    address = urllib.parse.urlsplit(store)
    bucket, prefix = address.netloc, address.path.strip("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    sizes = {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}
    if f"{prefix}/{LIST}" not in sizes:
        return [f"{LIST} is not there: the Job that loads the model has not finished"]
    listed = json.loads(s3.get_object(Bucket=bucket, Key=f"{prefix}/{LIST}")["Body"].read())
    found = [(one, sizes.get(f"{prefix}/{one['name']}", 0)) for one in listed["files"]]
    return [
        f"{one['name']}: {size} of {one['size']} B" for one, size in found if size != one["size"]
    ]


def main(store: str) -> int:
    """Say what is missing, and return the exit code."""
    lacks = missing(boto3.client("s3"), store)
    for line in lacks or ["whole"]:
        print(f"weights gate: {store}: {line}", flush=True)
    return 1 if lacks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
