"""Where things are: the folders that must not be packages, and the map of the docs."""

from pathlib import Path

import constructs
import pytest

import disagg_constructs
import disagg_k8s
import disagg_stacks


@pytest.mark.parametrize("folder", ["constructs", "stacks", "k8s"])
def test_a_folder_holds_one_package_and_is_none_itself(root: Path, folder: str) -> None:
    assert not (root / folder / "__init__.py").exists()
    inside = [one.name for one in (root / folder).iterdir() if one.name != "__pycache__"]
    assert inside == [f"disagg_{folder}"]


def test_the_constructs_of_pypi_are_still_found() -> None:
    assert "site-packages" in (constructs.__file__ or "")
    assert issubclass(disagg_constructs.GpuNodeGroup, constructs.Construct)


def test_nothing_at_the_root_takes_the_place_of_a_library(root: Path) -> None:
    for name in ("aws_cdk", "cdk8s", "jsii", "boto3", "moto"):
        assert not (root / name).exists()


def test_files_are_short_enough_to_read(root: Path) -> None:
    sources = [
        file
        for folder in ("disagg", "constructs", "stacks", "k8s")
        for file in (root / folder).rglob("*.py")
    ]
    assert len(sources) > 60
    long = {file.name: lines for file in sources if (lines := _lines(file)) > 400}
    assert long == {}


def _lines(file: Path) -> int:
    return len(file.read_text("utf-8").splitlines())


def test_packages_are_typed() -> None:
    for package in (disagg_constructs, disagg_k8s, disagg_stacks):
        assert (Path(package.__path__[0]) / "py.typed").exists()
