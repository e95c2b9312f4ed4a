"""Copy one object to a file, and end well when it is what it should be.

python3 fetch_file.py s3://BUCKET/KEY FILE SHA256
"""

import hashlib
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import boto3


def fetch(s3: Any, place: str, file: Path, digest: str) -> str:
    """Write the object to the file, and return what is wrong with it; empty when nothing is."""
    address = urllib.parse.urlsplit(place)
    body = s3.get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))["Body"].read()
    found = hashlib.sha256(body).hexdigest()
    if found != digest:
        return f"sha256 is {found}, not {digest}"
    file.write_bytes(body)
    return ""


def main(place: str, file: str, digest: str) -> int:
    """Say what was done, and return the exit code."""
    wrong = fetch(boto3.client("s3"), place, Path(file), digest)
    print(f"fetch file: {place}: {wrong or 'written'}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
