"""What an environment becomes on disk, below `<dist>/<name>`: all of it or nothing."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from disagg.catalog.gateways import GATEWAYS
from disagg.checks.add_ons import check_add_ons
from disagg.checks.manifests import check_manifests
from disagg.checks.overriding import hinted, judged
from disagg.checks.templates import check_templates
from disagg.config.environment import Environment
from disagg.config.prices import bundled_prices
from disagg.errors import CheckFailedError, InvalidInputError, Problem, Severity, refusal
from disagg.node import use_packaged_node
from disagg.planner import bring_in, key_policy
from disagg.planner.add_ons import installed
from disagg.planner.plan import make_plan
from disagg.planner.runbook import DEPLOY_PAGE, deploy_page, runbooks

Templates = dict[str, dict[str, Any]]
Manifests = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written below `directory`."""

    directory: Path
    manifests: Manifests
    templates: Templates


@contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """Yield an empty directory that takes the place of `target` when the block ends well.

    A failure, or Ctrl-C, leaves what was there before.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fresh.chmod(0o755)
        yield fresh
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            target.rename(old / target.name)
            try:
                fresh.rename(target)
            except BaseException:
                (old / target.name).rename(target)
                raise
            finally:
                shutil.rmtree(old)
        else:
            fresh.rename(target)
    finally:
        _remove(fresh)


def _remove(directory: Path) -> None:
    """Remove a directory that an interrupted Node may still be writing to for a moment."""
    for _ in range(10):
        if not directory.exists():
            return
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(0.05)


def render(environment: Environment) -> Manifests:
    """Return the manifests by file name, checked against every manifest rule.

    Raises:
        CheckFailedError: A rule is broken (DISAGG-POD, -SRV, -RTR codes): a defect of the charts or
            of an override, which is then named.
        InvalidInputError: An override matches nothing or cannot be applied (DISAGG-OVR codes).
    """
    use_packaged_node()
    from disagg_k8s import render as render_charts  # noqa: PLC0415  Why: starts a Node process.

    manifests = render_charts(environment)

    def judge(one: Environment) -> list[Problem]:
        return check_manifests(manifests if one is environment else render_charts(one), one)

    _refuse(judged(environment, judge))
    return manifests


def write_manifests(manifests: Manifests, directory: Path) -> Path:
    """Write one file for each concern into `directory`, in apply order, and return it."""
    from disagg_k8s.yaml_out import dump_all  # noqa: PLC0415

    with replaced(directory) as fresh:
        for name, objects in manifests.items():
            (fresh / name).write_text(dump_all(objects), encoding="utf-8")
    return directory


def write_charts(environment: Environment, manifests: Manifests, base: Path) -> None:
    """Write how third-party charts are installed: `charts/` for helmfile, `argocd/` when asked for.

    Raises:
        CheckFailedError: A chart cannot be installed so (DISAGG-ADD codes): a defect of the
            catalogue.
    """
    from disagg_k8s.argocd import applications  # noqa: PLC0415
    from disagg_k8s.third_party import chart_values, helmfile  # noqa: PLC0415
    from disagg_k8s.yaml_out import dump_all  # noqa: PLC0415

    values, charts = chart_values(environment), installed(environment)
    _refuse(check_add_ons(charts, values, manifests))
    files: dict[str, dict[str, Any]] = {
        f"charts/{one.name}.yaml": values[one.name] for one in charts if not one.kustomized
    }
    files["charts/helmfile.yaml"] = helmfile(environment)
    files |= {f"argocd/{name}": one for name, one in applications(environment).items()}
    for name, one in files.items():
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(dump_all([one]), encoding="utf-8")


def write_runbooks(environment: Environment, directory: Path) -> None:
    """Write what people do into `directory`: before a Capacity Block ends, to bring images in.

    Without a page there is no directory.
    """
    from disagg_k8s.weights import program  # noqa: PLC0415  Why: starts a Node process.

    pages = runbooks(environment) | bring_in.pages(environment)
    policy = key_policy.key_policy(environment)
    if policy is not None:
        pages[key_policy.PAGE] = json.dumps(policy, indent=2) + "\n"
    if bring_in.brings_weights(environment):
        pages[bring_in.LOADER] = program(bring_in.LOADER)
    if pages:
        directory.mkdir()
    for name, text in pages.items():
        (directory / name).write_text(text, encoding="utf-8")


Judge = Callable[[Written], None]


def write_all(environment: Environment, dist: Path, *, judge: Judge | None = None) -> Written:
    """Write everything of an environment to `<dist>/<name>`, replaced whole or not at all.

    Manifests, charts, Argo CD Applications, runbooks, the steps of a deployment, and stacks.

    Args:
        environment: A checked environment.
        dist: Where `<name>` is put.
        judge: Called with what was written before it takes its place; an error keeps it out.

    Raises:
        CheckFailedError: A rule is broken, or the judge refused; what was there before stays.
        InvalidInputError: DISAGG-FLT-015, a fleet of that name is there.
    """
    base = dist / environment.name
    _refuse_to_replace(base, fleet=False)
    with replaced(base) as fresh:
        manifests, templates = _both(environment, fresh / "stacks")
        write_manifests(manifests, fresh / "manifests")
        write_charts(environment, manifests, fresh)
        write_runbooks(environment, fresh / "runbooks")
        page = deploy_page(environment, make_plan(environment, bundled_prices()))
        (fresh / DEPLOY_PAGE).write_text(page, encoding="utf-8")
        if judge is not None:
            judge(Written(fresh, manifests, templates))
    return Written(base, manifests, templates)


def _both(environment: Environment, stacks: Path) -> tuple[Manifests, Templates]:
    """Return manifests and templates, or what is wrong with the overrides of both at once."""
    try:
        manifests = render(environment)
    except InvalidInputError as error:
        try:
            write_stacks(environment, stacks)
        except InvalidInputError as another:
            raise InvalidInputError([*error.problems, *another.problems]) from None
        raise
    return manifests, write_stacks(environment, stacks)


_FIRST_MANIFEST = Path("manifests/00-namespaces.yaml")


def _refuse_to_replace(base: Path, *, fleet: bool) -> None:
    """Refuse to put a fleet where an environment is, or an environment where a fleet is.

    Raises:
        InvalidInputError: DISAGG-FLT-015.
    """
    holds_environment = (base / _FIRST_MANIFEST).is_file()
    holds_fleet = (base / "stacks").is_dir() and not holds_environment
    if holds_environment if fleet else holds_fleet:
        there, one = ("an environment", "a fleet") if fleet else ("a fleet", "an environment")
        raise refusal(
            "DISAGG-FLT-015",
            file=base.as_posix(),
            got=f"{there} of that name, which {one} would replace",
            need="a folder for each",
            fix="rename one of them, give --dist another folder, or remove what is there",
        )


def write_fleet(
    name: str,
    stages: Sequence[Sequence[Environment]],
    dist: Path,
    *,
    judge: Callable[[Environment, Written], None] | None = None,
    within: Callable[[Environment], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> list[Written]:
    """Write a fleet to `<dist>/<name>`, replaced whole or not at all.

    Each environment is below its own name as `write_all` writes it; `stacks` is one cloud assembly
    of all of them, in the order of the stages.

    Args:
        name: Name of the fleet.
        stages: Checked environments of each stage.
        dist: Where `<name>` is put.
        judge: Called with each environment and what was written of it, as for `write_all`.
        within: Gives the context that an environment is written in.

    Raises:
        CheckFailedError: A rule is broken, or the judge refused; what was there before stays.
        InvalidInputError: DISAGG-FLT-015, an environment of that name is there.
    """
    use_packaged_node()
    from disagg_stacks import synthesize_fleet  # noqa: PLC0415  Why: as for one environment.

    _refuse_to_replace(dist / name, fleet=True)
    written = []
    with replaced(dist / name) as fresh:
        for environment in (one for stage in stages for one in stage):
            judged = None if judge is None else partial(judge, environment)
            with within(environment):
                made = write_all(environment, fresh, judge=judged)
            base = dist / name / environment.name
            written.append(Written(base, made.manifests, made.templates))
        with replaced(fresh / "stacks") as assembly:
            synthesize_fleet(stages, assembly)
            _refuse(check_templates(read_templates(assembly)))
    return written


def write_stacks(environment: Environment, directory: Path) -> Templates:
    """Write the cloud assembly into `directory` and return its templates by stack name, checked.

    Raises:
        CheckFailedError: A template rule is broken (DISAGG-TPL codes).
        InvalidInputError: An override names no resource (DISAGG-OVR-006).
    """
    use_packaged_node()
    from disagg_stacks import synthesize  # noqa: PLC0415  Why: importing aws_cdk takes a second.

    with replaced(directory) as fresh:
        synthesize(environment, fresh)
        templates = read_templates(fresh)

        def judge(one: Environment) -> list[Problem]:
            return check_templates(templates if one is environment else _without(one), one)

        _refuse(judged(environment, judge))
    return templates


def _without(environment: Environment) -> Templates:
    """Return the templates of an environment that is only compared with."""
    from disagg_stacks import synthesize  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="disagg-compare-") as directory:
        synthesize(environment, Path(directory))
        return read_templates(Path(directory))


def read_templates(assembly: Path) -> Templates:
    """Return the templates of a cloud assembly by stack name."""
    files = sorted(assembly.glob("*.template.json"))
    return {
        file.name.removesuffix(".template.json"): json.loads(file.read_text("utf-8"))
        for file in files
    }


def _refuse(problems: list[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        raise CheckFailedError(errors)


Engine = tuple[str, Callable[[], list[Problem]]]


def engines(environment: Environment, written: Written) -> Iterator[Engine]:
    """Yield the name of each engine that judges what was written, and a function that lets it.

    The function returns what the engine refused; it raises MissingToolError when the `check` extra
    is not installed. Custom kinds of others have no schema here: an API server with their
    definitions judges them (`rehearse`).
    """
    from disagg.checks import engines as judges  # noqa: PLC0415  Why: they come with an extra.
    from disagg.checks.manifests.object_rules import is_custom  # noqa: PLC0415

    objects = [one for group in written.manifests.values() for one in group]
    # Why not those: only a control plane that has their definitions can judge them.
    built_in = [one for one in objects if not is_custom(one)]
    version = environment.cluster.kubernetes_version
    templates = sorted((written.directory / "stacks").glob("*.template.json"))
    region = environment.aws.region
    yield (
        f"the Kubernetes {version} schemas, strict",
        lambda: hinted(environment, judges.validate_schemas(built_in, version)),
    )
    if not GATEWAYS[environment.serving.gateway.kind].class_name:
        yield (
            "Envoy itself",
            lambda: hinted(environment, judges.validate_envoy(envoy_configuration(objects))),
        )
    yield (
        "AWS's template engine and cfn-lint",
        lambda: hinted(environment, judges.validate_templates(templates, region)),
    )


def envoy_configuration(objects: list[dict[str, Any]]) -> str:
    """Return the Envoy configuration among rendered objects.

    Raises:
        LookupError: No ConfigMap carries one.
    """
    for one in objects:
        if one["kind"] == "ConfigMap" and "envoy.yaml" in one["data"]:
            text: str = one["data"]["envoy.yaml"]
            return text
    raise LookupError("no ConfigMap carries envoy.yaml")
