"""The layer that keeps model weights; an environment whose pods ask the hub has none."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from disagg.catalog.models import MODELS
from disagg.config.environment import Environment
from disagg.config.weights import Fsx, Store
from disagg.planner.weights import (
    MODEL_LOADER,
    MODEL_SERVER,
    bucket_name,
    capacity_gib,
    store_url,
)
from disagg_constructs import (
    EksCluster,
    ExistingCluster,
    ExistingNetwork,
    ModelFileSystem,
    ModelFileSystemProps,
    ModelStore,
    ModelStoreProps,
    Network,
    PodIdentity,
    PodIdentityProps,
    StoreAccess,
)
from disagg_stacks.base import EnvironmentStack


class StorageStack(EnvironmentStack):
    """The model bucket, unless the file names one, and who reads and writes it.

    Where the file asks for one, a file system in front of it, which servers mount: then only the
    loader is anybody to AWS.
    In a network without internet nobody inside it writes: the bucket is filled from outside.
    """

    def __init__(
        self,
        scope: cdk.App | cdk.Stage,
        *,
        environment: Environment,
        network: Network | ExistingNetwork,
        cluster: EksCluster | ExistingCluster,
        store: Store,
    ) -> None:
        super().__init__(
            scope,
            environment=environment,
            layer="Storage",
            description="Model weights for disaggregated LLM inference",
        )
        self._environment, self._cluster, self._store = environment, cluster, store
        self._made: ModelStore | None = None
        access = self._access()
        if isinstance(store, Fsx):
            self._file_system(network, store)
        else:
            self._identity("ModelServer", MODEL_SERVER, access.reading())
        if not environment.closed:
            self._identity("ModelLoader", MODEL_LOADER, [*access.writing(), *self._token()])
        self.publish("model-url", store_url(environment, store))

    def _access(self) -> StoreAccess:
        store, name = self._store, bucket_name(self._environment, self._store)
        if store.bucket is not None:
            bucket_arn, key_arn = f"arn:{self.partition}:s3:::{name}", store.kms_key_arn
        else:
            made = ModelStore(
                self,
                "Models",
                props=ModelStoreProps(
                    bucket_name=name,
                    prefix=store.prefix,
                    file_systems=isinstance(store, Fsx),
                    key=self.own_key(self._environment),
                ),
            )
            self._made = made
            bucket_arn, key_arn = made.bucket.bucket_arn, made.key.key_arn
        return StoreAccess(
            bucket_arn=bucket_arn, prefix=store.prefix, account=self.account, key_arn=key_arn
        )

    def _file_system(self, network: Network | ExistingNetwork, store: Fsx) -> None:
        environment = self._environment
        made = ModelFileSystem(
            self,
            "FileSystem",
            props=ModelFileSystemProps(
                vpc=network.vpc,
                subnet=network.fabric_subnet,
                client_security_group=self._cluster.security_group,
                open_clients=environment.cluster.existing is None,
                bucket_name=bucket_name(environment, store),
                prefix=store.prefix,
                capacity_gib=capacity_gib(store, MODELS[environment.serving.model]),
                throughput_mb_per_tib=store.throughput_mb_per_tib,
            ),
        )
        if self._made is not None:
            # Why: the link is made to a bucket by its name, which CloudFormation does not follow.
            made.node.add_dependency(self._made)
        self.publish("file-system-id", made.file_system.ref)
        self.publish("file-system-mount-name", made.file_system.attr_lustre_mount_name)

    def _identity(
        self, construct_id: str, service_account: str, statements: list[iam.PolicyStatement]
    ) -> None:
        PodIdentity(
            self,
            construct_id,
            props=PodIdentityProps(
                cluster_name=self._cluster.cluster_name,
                cluster_arn=self.format_arn(
                    service="eks",
                    resource="cluster",
                    resource_name=self._environment.cluster_name,
                ),
                namespace=self._environment.serving_namespace,
                service_account=service_account,
                statements=statements,
            ),
        )

    def _token(self) -> list[iam.PolicyStatement]:
        name = self._store.token_secret
        if name is None:
            return []
        # Why the question marks: Secrets Manager ends the ARN of a secret in six characters of its
        # own. Source: Secrets Manager user guide, "What's in a secret".
        secret = self.format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=f"{name}-??????",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        return [iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[secret])]
