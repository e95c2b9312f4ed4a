"""The pilot with a network that has no internet, as edits of its file."""

from typing import Any

from shipped import checked

from disagg.config.environment import Environment

COMMIT = "b5c939de8f754692c1647ca79fbf85e8c1e70f8a"
S3 = {"kind": "s3", "revision": COMMIT}
CLOSED: dict[str, Any] = {
    "network.internet": "none",
    "serving.weights": S3,
    "images": {"kind": "ecr"},
}
ACCOUNT, REGION = "123456789012", "us-west-2"
ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


def closed(base: str = "pilot", **edits: Any) -> Environment:
    """Return the checked environment; keywords use `__` for dots."""
    given = {key.replace(".", "__"): value for key, value in CLOSED.items()}
    return checked(base, **{**given, **edits}).environment
