"""Whole renderings of the pilot on three instance types; they change only with --update-golden."""

import json
import shutil
from pathlib import Path

import pytest
from shipped import checked

from disagg import artifacts
from disagg_k8s.yaml_out import dump_all

TYPES = {"p6-b200": "p6-b200.48xlarge", "p6-b300": "p6-b300.48xlarge", "p5en": "p5en.48xlarge"}


PRECISE = {"policy": "prefix_precise", "decider": "prefix_based", "flow_control": {}}


def rendering(instance_type: str, directory: Path) -> dict[str, str]:
    environment = checked(
        "pilot",
        capacity__prefill__instance_type=instance_type,
        capacity__decode__instance_type=instance_type,
    ).environment
    manifests = artifacts.render(environment)
    files = {f"manifests/{name}": dump_all(objects) for name, objects in manifests.items()}
    templates = artifacts.write_stacks(environment, directory / "stacks")
    for name, template in templates.items():
        files[f"stacks/{name}.json"] = json.dumps(template, indent=1) + "\n"
    return files


@pytest.mark.parametrize("name", TYPES)
def test_the_pilot_is_rendered_as_reviewed(
    name: str, root: Path, tmp_path: Path, update_golden: bool
) -> None:
    golden = root / "tests/golden" / f"pilot-{name}"
    files = rendering(TYPES[name], tmp_path)
    if update_golden:
        shutil.rmtree(golden, ignore_errors=True)
        for file, text in files.items():
            (golden / file).parent.mkdir(parents=True, exist_ok=True)
            (golden / file).write_text(text, encoding="utf-8")
    committed = {
        file.relative_to(golden).as_posix(): file.read_text("utf-8")
        for file in golden.rglob("*")
        if file.is_file()
    }
    assert committed.keys() == files.keys()
    for file, text in files.items():
        assert text == committed[file], f"{file} differs: review, then make golden"


def test_precise_routing_is_rendered_as_reviewed(root: Path, update_golden: bool) -> None:
    """What it adds to the pilot and changes in it; the rest is the pilot's."""
    golden = root / "tests/golden/prefix-precise"
    plain = artifacts.render(checked("pilot").environment)
    found = artifacts.render(checked("pilot", serving__router=PRECISE).environment)
    files = {name: dump_all(o) for name, o in found.items() if o != plain.get(name)}
    if update_golden:
        shutil.rmtree(golden, ignore_errors=True)
        golden.mkdir(parents=True)
        for name, text in files.items():
            (golden / name).write_text(text, encoding="utf-8")
    assert {file.name: file.read_text("utf-8") for file in golden.iterdir()} == files
