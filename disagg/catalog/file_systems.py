"""FSx for Lustre: which sizes AWS makes, what they read, and what nodes mount them with."""

from disagg.catalog.model_loading import Link
from disagg.catalog.source import Kind, Source

SMALLEST_FILE_SYSTEM_GIB = 1_200
FILE_SYSTEM_STEP_GIB = 2_400
"""A file system is 1,200 GiB or a multiple of this [GiB]."""
LUSTRE_VERSION = "2.15"
"""Newest that FSx makes; the kernels of both AMI families and the CSI driver bring its client."""
DEPLOYMENT_TYPE, STORAGE_TYPE = "PERSISTENT_2", "SSD"
"""The only deployment type that takes data repository associations, on the medium without delay."""
CSI_DRIVER = "fsx.csi.aws.com"
LUSTRE_PORTS = ((988, 988), (1018, 1023))
"""TCP ports between clients and file servers, and between file servers."""
FILE_SYSTEM_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "FSx API reference, CreateFileSystem: StorageCapacity and CreateFileSystemLustre"
        "Configuration; FSx for Lustre user guide, cannot-create-fs and limit-access-security-"
        "groups (ports), managing-lustre-version"
    ),
    date="2026-11-28",
)


def file_system_link(capacity_gib: int, mb_per_tib: int) -> Link:
    """Return what a file system reads from its disks: all pods of an environment share it.

    Args:
        capacity_gib: Its size [GiB].
        mb_per_tib: Throughput that was bought for each TiB of it [MB/s].

    Example:
        >>> round(file_system_link(1_200, 1_000).gb_per_second, 2)
        1.17
    """
    return Link(
        name=f"FSx for Lustre of {capacity_gib:,} GiB",
        gb_per_second=capacity_gib / 1024 * mb_per_tib / 1000,
        shared_by="environment",
        source=Source(
            kind=Kind.PUBLISHED,
            reference=(
                "FSx for Lustre user guide, performance of SSD storage: disk throughput for each"
                " TiB; what its servers have in RAM comes faster, what it has to fetch from S3"
                " first comes slower"
            ),
            date="2026-11-28",
        ),
    )
