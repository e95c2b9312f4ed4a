"""Rules about the volume of a file system of models."""

from collections.abc import Iterator
from typing import Any

from disagg.catalog.file_systems import CSI_DRIVER
from disagg.checks.manifests.objects import Manifests, title
from disagg.checks.rule import Finding, rule
from disagg.config.environment import Environment
from disagg.planner.weights import dns_name, file_system_of

_WRITERS = "ReadWriteMany"


@rule("DISAGG-WGT-017")
def claims_get_the_file_system_of_the_file(
    manifests: Manifests, environment: Environment
) -> Iterator[Finding]:
    """Every claim that a pod names is rendered and gets the one volume of the file's file system.

    A claim that names no volume gets any that fits, or none: its pods wait for ever. While the file
    states no file system there is neither, and pods wait under a name that says so.
    """
    fsx = file_system_of(environment)
    stated = fsx.file_system if fsx else None
    volumes = {one["metadata"]["name"]: one for one in manifests.kind("PersistentVolume")}
    claims = {
        (one["metadata"].get("namespace"), one["metadata"]["name"]): one
        for one in manifests.kind("PersistentVolumeClaim")
    }
    named = {
        (workload.namespace, volume["persistentVolumeClaim"]["claimName"])
        for workload in manifests.workloads
        for volume in workload.pod.get("volumes", [])
        if "persistentVolumeClaim" in volume
    }
    if claims.keys() != (named if stated else set()):
        yield Finding(
            at=("PersistentVolumeClaim",),
            got=f"pods name {sorted(map(str, named))}, rendered are {sorted(map(str, claims))}",
            need="the same" if stated else "none rendered: the file states no file system",
            fix="render both from serving.weights.file_system",
        )
    if stated is None:
        return
    place = dns_name(stated.id, environment.aws.region)
    for (namespace, name), claim in claims.items():
        volume = volumes.get(claim["spec"].get("volumeName"), {}).get("spec", {})
        got = (volume.get("claimRef"), _source(volume))
        need = (
            {"namespace": namespace, "name": name},
            (CSI_DRIVER, stated.id, place, stated.mount_name),
        )
        if got != need:
            yield Finding(
                at=(title(claim), "spec", "volumeName"),
                got=f"a volume for {got[0]} of {got[1]}",
                need=f"one for {need[0]} of {need[1]}",
                fix="take both from disagg_k8s.model_volume",
            )


def _source(volume: dict[str, Any]) -> tuple[Any, ...]:
    csi = volume.get("csi", {})
    attributes = csi.get("volumeAttributes", {})
    found = (csi.get("driver"), csi.get("volumeHandle"))
    return (*found, attributes.get("dnsname"), attributes.get("mountname"))


@rule("DISAGG-WGT-018")
def models_are_mounted_and_not_written(manifests: Manifests) -> Iterator[Finding]:
    """Every claim is ReadWriteMany, and every pod mounts it read-only.

    The FSx driver refuses volumes of ReadOnlyMany when a pod starts. What keeps pods from writing
    is the mount: a server that was taken over must not change the weights of all others. Source:
    kubernetes-sigs/aws-fsx-csi-driver@5b227125 pkg/driver/controller.go and node.go.
    """
    for one in manifests.kind("PersistentVolume", "PersistentVolumeClaim"):
        modes = one["spec"].get("accessModes")
        if modes != [_WRITERS]:
            yield Finding(
                at=(title(one), "spec", "accessModes"),
                got=str(modes),
                need=f"[{_WRITERS}]",
                fix="let the mounts be read-only, not the volume",
            )
    for workload in manifests.workloads:
        claims = {
            volume["name"]: volume["persistentVolumeClaim"]
            for volume in workload.pod.get("volumes", [])
            if "persistentVolumeClaim" in volume
        }
        mounts = [
            mount
            for container in workload.containers
            for mount in container.data.get("volumeMounts", [])
            if mount["name"] in claims
        ]
        if not all(one.get("readOnly") is True for one in (*claims.values(), *mounts)):
            yield Finding(
                at=(*workload.at, "volumes"),
                got="a claim or a mount of it without readOnly",
                need="readOnly: true on both",
                fix="mount it as weights.volumes and weights.mounts do",
            )
