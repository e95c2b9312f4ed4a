"""EKS capabilities, such as the Argo CD that AWS runs: kept and answered as the EKS API does."""

from typing import Any

from moto.core.responses import ActionResult
from moto.eks import urls
from moto.eks.exceptions import ResourceNotFoundException
from moto.eks.responses import EKSResponse

from disagg.local.aws.cloudformation import Call, Created, ResourceType
from disagg.local.aws.eks import backend, camel, cluster_of, require_role, shelf, tags_of

_KIND = "capabilities"
_PATHS = (
    "{0}/clusters/(?P<name>[^/]+)/capabilities$",
    "{0}/clusters/(?P<name>[^/]+)/capabilities/(?P<capabilityName>[^/]+)$",
)


def _put(call: Call) -> Created:
    properties, cluster = call.properties, cluster_of(call)
    name, kind = properties["CapabilityName"], properties["Type"]
    require_role(call, properties["RoleArn"])
    others = {key: one for key, one in shelf(cluster, _KIND).items() if key != name}
    if kind in {one["type"] for one in others.values()}:
        raise ValueError(f"cluster {cluster.name} has a capability of type {kind} already")
    identifier = call.identifier("x", name)[2:]
    arn = call.arn("eks", f"capability/{cluster.name}/{kind.lower()}/{name}/{identifier}")
    configuration = camel(properties.get("Configuration", {}))
    attributes = {"Arn": arn}
    if "argoCd" in configuration:
        url = f"https://{identifier}.eks-capabilities.{call.region}.amazonaws.com"
        configuration["argoCd"]["serverUrl"] = url
        attributes["Configuration.ArgoCd.ServerUrl"] = url
    shelf(cluster, _KIND)[name] = {
        "capabilityName": name,
        "arn": arn,
        "clusterName": cluster.name,
        "type": kind,
        "roleArn": properties["RoleArn"],
        "status": "ACTIVE",
        "configuration": configuration,
        "deletePropagationPolicy": properties["DeletePropagationPolicy"],
        "createdAt": cluster.created_at,
        "tags": tags_of(properties),
    }
    return Created(physical_id=arn, attributes=attributes)


def _drop(call: Call) -> None:
    cluster = backend(call).clusters.get(call.properties["ClusterName"])
    if cluster is not None:
        shelf(cluster, _KIND).pop(call.properties["CapabilityName"], None)


def _there(response: Any) -> dict[str, dict[str, Any]]:
    name = response._get_param("name")  # noqa: SLF001 - moto offers no other way
    return shelf(response.eks_backend.describe_cluster(name=name), _KIND)


def _list_capabilities(response: Any) -> ActionResult:
    return ActionResult({"capabilities": list(_there(response).values())})


def _describe_capability(response: Any) -> ActionResult:
    wanted = response._get_param("capabilityName")  # noqa: SLF001 - moto offers no other way
    try:
        return ActionResult({"capability": _there(response)[wanted]})
    except KeyError:
        raise ResourceNotFoundException(message=f"No capability found: {wanted}.") from None


TYPES = (
    ResourceType(
        name="AWS::EKS::Capability",
        attributes=("Arn", "Configuration.ArgoCd.ServerUrl"),
        create=_put,
        update=_put,
        delete=_drop,
    ),
)


_OPERATIONS = {
    "list_capabilities": _list_capabilities,
    "describe_capability": _describe_capability,
}


def add_operations() -> None:
    """Teach moto's EKS to list and describe capabilities; again is harmless."""
    for name, operation in _OPERATIONS.items():
        setattr(EKSResponse, name, operation)
    for path in _PATHS:
        urls.url_paths[path] = EKSResponse.dispatch
