"""Argo CD Applications: one for each chart, one for the manifests, and one that holds them all."""

from typing import Any

from disagg.catalog.chart import ARGOCD, ENVIRONMENT_WAVE, IN_CLUSTER, Chart
from disagg.config.delivery import GitRepository
from disagg.config.environment import Environment
from disagg.planner.add_ons import installed
from disagg_k8s.third_party import VENDORED, chart_values

ROOT_FILE = "root.yaml"
_APPLICATIONS = "applications"
_WAVE = "argocd.argoproj.io/sync-wave"
_RETRY = {"limit": 10, "backoff": {"duration": "15s", "factor": 2, "maxDuration": "5m"}}

Json = dict[str, Any]


def applications(environment: Environment) -> dict[str, Json]:
    """Return every Application by file name below `argocd/`; none without `delivery.git`.

    `root.yaml` is applied once, by hand; it brings the others, and they bring what they name. Their
    sync waves are those of the catalogue, the manifests last.
    """
    delivery = environment.delivery
    if delivery is None or delivery.git is None:
        return {}
    git, values = delivery.git, chart_values(environment)
    charts = installed(environment)
    files = {
        f"{_APPLICATIONS}/{number:02}-{one.name}.yaml": _of_chart(
            environment, one, values[one.name], git
        )
        for number, one in enumerate(charts)
    }
    files[f"{_APPLICATIONS}/{len(charts):02}-manifests.yaml"] = _of_manifests(environment, git)
    return {ROOT_FILE: _root(environment, git), **files}


def _application(environment: Environment, name: str, wave: int | None, spec: Json) -> Json:
    metadata: Json = {"name": name, "namespace": ARGOCD}
    metadata["labels"] = {"disagg/environment": environment.name}
    if wave is not None:
        metadata["annotations"] = {_WAVE: str(wave)}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": metadata,
        "spec": {"project": "default", **spec},
    }


def _policy(*, settle: bool = True, options: tuple[str, ...] = ()) -> Json:
    """Return a sync policy; `settle` removes what left Git, and undoes what was changed by hand."""
    # Why the server's side: definitions of Prometheus are too large for an annotation.
    return {
        "automated": {"prune": settle, "selfHeal": settle},
        "syncOptions": [*options, "ServerSideApply=true"],
        "retry": _RETRY,
    }


def _source(chart: Chart) -> Json:
    source: Json = {"repoURL": chart.repository.removeprefix("oci://")}
    source |= {"path": chart.path} if chart.path else {"chart": chart.chart_name}
    return source | {"targetRevision": chart.version}


def _of_chart(environment: Environment, chart: Chart, values: Json, git: GitRepository) -> Json:
    in_git = _in_git(git, f"charts/{VENDORED}/{chart.name}")
    source = in_git if environment.closed else _source(chart)
    if not chart.kustomized:
        source["helm"] = {"releaseName": chart.name, "valuesObject": values}
    anew = [dict(one) for one in chart.made_anew]
    options = ("CreateNamespace=true", *(("RespectIgnoreDifferences=true",) if anew else ()))
    spec: Json = {
        "source": source,
        "destination": {"name": IN_CLUSTER, "namespace": chart.namespace},
        "syncPolicy": _policy(settle=chart.renders_alike, options=options),
    }
    spec |= {"ignoreDifferences": anew} if anew else {}
    return _application(environment, f"{environment.name}-{chart.name}", chart.wave, spec)


def _of_manifests(environment: Environment, git: GitRepository) -> Json:
    # Why not settled: a file that a commit lacks must not take down serving, and a pool that was
    # scaled by hand, before its nodes go, must stay so.
    spec = {
        "source": _in_git(git, "manifests"),
        "destination": {"name": IN_CLUSTER, "namespace": environment.serving_namespace},
        "syncPolicy": _policy(settle=False),
    }
    return _application(environment, f"{environment.name}-manifests", ENVIRONMENT_WAVE, spec)


def _root(environment: Environment, git: GitRepository) -> Json:
    spec = {
        "source": _in_git(git, f"argocd/{_APPLICATIONS}"),
        "destination": {"name": IN_CLUSTER, "namespace": ARGOCD},
        "syncPolicy": _policy(),
    }
    return _application(environment, environment.name, None, spec)


def _in_git(git: GitRepository, directory: str) -> Json:
    return {
        "repoURL": git.repo_url,
        "path": f"{git.path}/{directory}",
        "targetRevision": git.revision,
    }
