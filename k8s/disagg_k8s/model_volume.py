"""The file system of models as Kubernetes sees it: one volume, and one claim that gets it."""

from constructs import Construct

from disagg.catalog.file_systems import CSI_DRIVER
from disagg.catalog.models import MODELS
from disagg.config.environment import Environment
from disagg.config.weights import FileSystem, Fsx
from disagg.planner.weights import MODEL_SERVER, capacity_gib, dns_name
from disagg_k8s import names
from disagg_k8s.manifest import Concern, binary


class ModelVolume(Concern):
    """A volume on a file system that CloudFormation made, and the claim that is bound to it.

    Static, so the CSI driver mounts and has no rights in AWS. Each names the other: no other claim
    gets the volume. What is in it outlives both.

    Why ReadWriteMany for files nobody writes: the driver refuses ReadOnlyMany, at the mount and not
    before (kubernetes-sigs/aws-fsx-csi-driver@5b227125 pkg/driver/controller.go, `volumeCaps`).
    Pods mount it read-only, which the driver passes on to the kernel.
    """

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, fsx: Fsx, made: FileSystem
    ) -> None:
        super().__init__(scope, id_)
        claim, namespace = names.models_claim(fsx), environment.serving_namespace
        volume = f"{environment.name}-{claim}"
        labels = names.common(environment, MODEL_SERVER)
        size = {"storage": binary(1024 * capacity_gib(fsx, MODELS[environment.serving.model]))}
        same = {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "",
            "volumeMode": "Filesystem",
        }
        self.add(
            "PersistentVolume",
            volume,
            labels=labels,
            body={
                "spec": {
                    **same,
                    "capacity": size,
                    "claimRef": {"namespace": namespace, "name": claim},
                    "persistentVolumeReclaimPolicy": "Retain",
                    # Why: without it each read of a file is a write of the time it was read.
                    "mountOptions": ["noatime"],
                    "csi": {
                        "driver": CSI_DRIVER,
                        "volumeHandle": made.id,
                        "volumeAttributes": {
                            "dnsname": dns_name(made.id, environment.aws.region),
                            "mountname": made.mount_name,
                        },
                    },
                }
            },
        )
        self.add(
            "PersistentVolumeClaim",
            claim,
            namespace=namespace,
            labels=labels,
            body={"spec": {**same, "volumeName": volume, "resources": {"requests": size}}},
        )
