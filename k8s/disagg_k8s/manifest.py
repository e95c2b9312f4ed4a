"""The one way an object enters a chart: explicit name, explicit labels, plain data."""

from typing import Any

from cdk8s import ApiObject, ApiObjectMetadata, Chart, JsonPatch
from constructs import Construct

Json = dict[str, Any]


def cores(cpu_milli: int) -> str:
    """Return an amount of CPU as the API server writes it, so that no diff appears.

    Example:
        >>> cores(32_000), cores(1_500)
        ('32', '1500m')
    """
    return f"{cpu_milli}m" if cpu_milli % 1_000 else str(cpu_milli // 1_000)


def binary(mib: int) -> str:
    """Return an amount of memory [MiB] as the API server writes it.

    Example:
        >>> binary(2_048), binary(1_536)
        ('2Gi', '1536Mi')
    """
    return f"{mib}Mi" if mib % 1_024 else f"{mib // 1_024}Gi"


def _ordered(values: Json, *first: str) -> Json:
    order = [key for key in first if key in values] + [key for key in values if key not in first]
    return {key: values[key] for key in order}


class Concern(Chart):
    """A chart of one concern; every name in it is given, none is generated."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_, disable_resource_name_hashes=True)

    def add(
        self,
        kind: str,
        name: str,
        *,
        labels: dict[str, str],
        namespace: str | None = None,
        api_version: str = "v1",
        annotations: dict[str, str] | None = None,
        body: Json | None = None,
    ) -> ApiObject:
        """Add one object; `body` is what stands beside `metadata`.

        Why: values go in as JSON patches because props of a generic object are not typed, and the
        kernel drops `None` and writes 1.0 as 1: neither may be in `body`.
        """
        one = ApiObject(
            self,
            "-".join(part for part in (kind, namespace, name) if part),
            api_version=api_version,
            kind=kind,
            metadata=ApiObjectMetadata(
                name=name, namespace=namespace, labels=labels, annotations=annotations
            ),
        )
        for key, value in (body or {}).items():
            one.add_json_patch(JsonPatch.add(f"/{key}", value))
        return one

    def objects(self) -> list[Json]:
        """Return the objects as plain data in apply order, keys in the usual order."""
        rendered: list[Json] = self.to_json()
        return [
            _ordered(
                {**one, "metadata": _ordered(one["metadata"], "name", "namespace", "labels")},
                "apiVersion",
                "kind",
                "metadata",
            )
            for one in rendered
        ]
