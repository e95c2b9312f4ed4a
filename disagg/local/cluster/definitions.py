"""CustomResourceDefinitions: fetched once from the Go modules that ship them, installed when used.

Each is kept as JSON below `.cache/definitions`, one file a kind, so that a rehearsal neither needs
Go nor reads a megabyte of YAML.
"""

import hashlib
import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from disagg.catalog.definitions import DEFINITION_MODULES, MODULE_OF, DefinitionModule
from disagg.local.cluster.api import Api, wait
from disagg.local.cluster.go import CACHE, BuildError, find_go, go_environment

DIRECTORY = CACHE / "definitions"
_FETCH_SECONDS = 600
_ESTABLISHED_SECONDS = 30.0
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """A definition that was installed because manifests use its kind."""

    name: str
    """`Kind.group`"""
    module: str
    """`path@version`"""
    versions: tuple[str, ...]
    """Versions it serves."""


def kind_name(one: Mapping[str, Any]) -> str:
    """Return `Kind.group` of an object; core kinds have no group.

    Example:
        >>> kind_name({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject"})
        'ScaledObject.keda.sh'
    """
    group, slash, _ = one["apiVersion"].partition("/")
    return f"{one['kind']}.{group}" if slash else str(one["kind"])


def wanted(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of the kinds of the catalogue that objects are of, sorted."""
    return sorted({name for one in objects if (name := kind_name(one)) in MODULE_OF})


def missing(
    directory: Path = DIRECTORY, modules: Sequence[DefinitionModule] = DEFINITION_MODULES
) -> list[DefinitionModule]:
    """Return the modules whose definitions are not there, or were read at another pin."""
    return [
        one
        for one in modules
        if _noted(one, directory) != _key(one)
        or not all((directory / f"{name}.json").exists() for name in one.files)
    ]


def fetch(
    say: Say,
    directory: Path = DIRECTORY,
    modules: Sequence[DefinitionModule] = DEFINITION_MODULES,
) -> None:
    """Fetch what is missing, one module after the other, so that a stopped fetch goes on.

    Raises:
        MissingToolError: Go is not there or too old.
        BuildError: A module cannot be had, is not what was pinned, or lacks a definition.
    """
    absent = missing(directory, modules)
    for number, one in enumerate(modules, 1):
        place = f"definitions {number}/{len(modules)}: {one.path}@{one.version}"
        if one not in absent:
            say(f"{place}: fetched before")
            continue
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as scratch:
            found = _read(_download(find_go(), one, Path(scratch)), one)
        for name, definition in found.items():
            _write(directory / f"{name}.json", json.dumps(definition))
        _write(_stamp_file(one, directory), f"{_key(one)}\n")
        say(f"{place}: {len(found)} kinds")


def install(api: Api, names: Sequence[str], directory: Path = DIRECTORY) -> list[Installed]:
    """Install definitions that are fetched and wait until their kinds are served.

    Those that are not fetched are left out: their objects are then refused.

    Raises:
        ApiError: The server refuses a definition.
        StillWaitingError: A kind is not served in time.
    """
    absent = missing(directory)
    installed = []
    for name in names:
        module = MODULE_OF[name]
        if module in absent:
            continue
        definition = json.loads((directory / f"{name}.json").read_text("utf-8"))
        api.must(api.apply(definition))
        served = [one["name"] for one in definition["spec"]["versions"] if one["served"]]
        installed.append(
            Installed(name=name, module=f"{module.path}@{module.version}", versions=tuple(served))
        )
        path = f"{api.path(definition)}/{definition['metadata']['name']}"
        wait(
            f"{name} is served",
            lambda at=path: _established(api.get(at)),  # type: ignore[misc]
            seconds=_ESTABLISHED_SECONDS,
        )
    return installed


def _established(definition: Mapping[str, Any]) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _key(module: DefinitionModule) -> str:
    text = json.dumps([module.path, module.version, module.checksum, dict(module.files)])
    return hashlib.sha256(text.encode()).hexdigest()


def _noted(module: DefinitionModule, directory: Path) -> str:
    try:
        return _stamp_file(module, directory).read_text().strip()
    except FileNotFoundError:
        return ""


def _stamp_file(module: DefinitionModule, directory: Path) -> Path:
    return directory / f".{module.path.replace('/', '_')}.stamp"


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _download(go: str, module: DefinitionModule, scratch: Path) -> Path:
    """Download a module below `scratch` and return its zip."""
    named = f"{module.path}@{module.version}"
    done = subprocess.run(  # noqa: S603 - a program of the machine, no shell
        [go, "mod", "download", "-json", named],
        capture_output=True,
        text=True,
        check=False,
        timeout=_FETCH_SECONDS,
        cwd=scratch,
        # Why its own: Go unpacks what it downloads, ten times what is kept.
        env={**go_environment(scratch), "GOMODCACHE": str(scratch / "modules")},
    )
    try:
        said = json.loads(done.stdout)
    except ValueError:
        said = {"Error": done.stderr.strip() or done.stdout.strip()}
    # Why not its status: Go fails too when a module wants a newer Go, and has the zip all the same.
    if "Zip" not in said or "Sum" not in said:
        raise BuildError(f"go mod download {named}: {said.get('Error', 'no answer')}")
    if said["Sum"] != module.checksum:
        raise BuildError(
            f"{named} is not what was pinned: its checksum is {said['Sum']},"
            f" need {module.checksum} (disagg/catalog/definitions.py)"
        )
    return Path(said["Zip"])


def _read(archive: Path, module: DefinitionModule) -> dict[str, dict[str, Any]]:
    """Return the definitions of a module by `Kind.group`."""
    documents: dict[str, list[dict[str, Any]]] = {}
    found = {}
    with zipfile.ZipFile(archive) as opened:
        for name, file in module.files.items():
            if file not in documents:
                inside = f"{module.path}@{module.version}/{file}"
                documents[file] = _parse(opened, inside)
            matching = [one for one in documents[file] if _defines(one) == name]
            if len(matching) != 1:
                raise BuildError(f"{module.path}@{module.version}: {file} does not define {name}")
            found[name] = matching[0]
    return found


def _parse(opened: zipfile.ZipFile, inside: str) -> list[dict[str, Any]]:
    try:
        text = opened.read(inside)
    except KeyError as error:
        raise BuildError(f"{inside} is not in the module") from error
    return [one for one in yaml.load_all(text, Loader=_Loader) if one]


class _Loader(yaml.CSafeLoader):
    """Reads definitions, one of which has a bare `=` among its enum values."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: str(node.value))


def _defines(definition: Mapping[str, Any]) -> str:
    if definition.get("kind") != "CustomResourceDefinition":
        return ""
    spec = definition["spec"]
    return f"{spec['names']['kind']}.{spec['group']}"
