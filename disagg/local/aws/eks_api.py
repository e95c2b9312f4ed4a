"""The EKS calls that moto does not answer: add-ons, access entries, pod identities."""

from typing import Any

from moto.core.responses import ActionResult
from moto.eks import urls
from moto.eks.exceptions import ResourceNotFoundException
from moto.eks.responses import EKSResponse

from disagg.local.aws.eks import shelf

_PATHS = (
    "{0}/clusters/(?P<name>[^/]+)/addons$",
    "{0}/clusters/(?P<name>[^/]+)/addons/(?P<addonName>[^/]+)$",
    "{0}/clusters/(?P<name>[^/]+)/access-entries$",
    "{0}/clusters/(?P<name>[^/]+)/access-entries/(?P<principalArn>.+)$",
    "{0}/clusters/(?P<name>[^/]+)/pod-identity-associations$",
    "{0}/clusters/(?P<name>[^/]+)/pod-identity-associations/(?P<associationId>[^/]+)$",
)


def _parameter(response: Any, *names: str) -> Any:
    """Return the first parameter of the request that has one of the names."""
    found = (response._get_param(name) for name in names)  # noqa: SLF001 - moto offers no other way
    return next((value for value in found if value is not None), None)


def _things(response: Any, kind: str) -> dict[str, dict[str, Any]]:
    cluster = response.eks_backend.describe_cluster(
        name=_parameter(response, "name", "clusterName")
    )
    return shelf(cluster, kind)


def _one(response: Any, kind: str, parameter: str) -> dict[str, Any]:
    wanted = _parameter(response, parameter)
    try:
        return _things(response, kind)[wanted]
    except KeyError:
        raise ResourceNotFoundException(message=f"No {kind} found for {wanted}.") from None


def _list_addons(response: Any) -> ActionResult:
    return ActionResult({"addons": list(_things(response, "addons"))})


def _describe_addon(response: Any) -> ActionResult:
    return ActionResult({"addon": _one(response, "addons", "addonName")})


def _list_access_entries(response: Any) -> ActionResult:
    return ActionResult({"accessEntries": list(_things(response, "access_entries"))})


def _describe_access_entry(response: Any) -> ActionResult:
    return ActionResult({"accessEntry": _one(response, "access_entries", "principalArn")})


def _list_associated_access_policies(response: Any) -> ActionResult:
    entry = _one(response, "access_entries", "principalArn")
    return ActionResult(
        {
            "clusterName": entry["clusterName"],
            "principalArn": entry["principalArn"],
            "associatedAccessPolicies": entry["policies"],
        }
    )


def _list_pod_identity_associations(response: Any) -> ActionResult:
    wanted = {
        name: value
        for name in ("namespace", "serviceAccount")
        if (value := _parameter(response, name)) is not None
    }
    every = _things(response, "pod_identities").values()
    chosen = [item for item in every if wanted.items() <= item.items()]
    return ActionResult({"associations": chosen})


def _describe_pod_identity_association(response: Any) -> ActionResult:
    return ActionResult({"association": _one(response, "pod_identities", "associationId")})


_OPERATIONS = {
    "list_addons": _list_addons,
    "describe_addon": _describe_addon,
    "list_access_entries": _list_access_entries,
    "describe_access_entry": _describe_access_entry,
    "list_associated_access_policies": _list_associated_access_policies,
    "list_pod_identity_associations": _list_pod_identity_associations,
    "describe_pod_identity_association": _describe_pod_identity_association,
}


def add_operations() -> None:
    """Teach moto's EKS the calls above; again is harmless."""
    for name, operation in _OPERATIONS.items():
        setattr(EKSResponse, name, operation)
    for path in _PATHS:
        urls.url_paths[path] = EKSResponse.dispatch
