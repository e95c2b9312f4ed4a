"""Who pods are to the Kubernetes API: nobody, but the router may read the pods it picks."""

from constructs import Construct

from disagg.config.environment import Environment
from disagg_k8s import names
from disagg_k8s.manifest import Concern


class ServiceAccounts(Concern):
    """Service accounts whose token is mounted nowhere by default, and one Role for the router.

    The router's pod mounts a token into the endpoint picker's container only (see `router`). Its
    Role reads pods of the serving namespace: with `--endpoint-selector` the picker watches nothing
    else.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        serving, router = environment.serving_namespace, names.picker_namespace(environment)
        for namespace, name in ((serving, names.MODEL_SERVER), (router, names.ROUTER)):
            self.add(
                "ServiceAccount",
                name,
                namespace=namespace,
                labels=names.common(environment, name),
                body={"automountServiceAccountToken": False},
            )
        labels = names.common(environment, names.ROUTER)
        rbac = "rbac.authorization.k8s.io"
        reads_pods = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
        self.add(
            "Role",
            "router-reads-pods",
            namespace=serving,
            api_version=f"{rbac}/v1",
            labels=labels,
            body={"rules": [reads_pods]},
        )
        self.add(
            "RoleBinding",
            "router-reads-pods",
            namespace=serving,
            api_version=f"{rbac}/v1",
            labels=labels,
            body={
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "router-reads-pods"},
                "subjects": [{"kind": "ServiceAccount", "name": names.ROUTER, "namespace": router}],
            },
        )
