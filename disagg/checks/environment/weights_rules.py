"""Rules about where model servers get their weights."""

from collections.abc import Iterator

from disagg.catalog.file_systems import (
    FILE_SYSTEM_STEP_GIB,
    SMALLEST_FILE_SYSTEM_GIB,
    file_system_link,
)
from disagg.catalog.model_loading import LONGEST_START_SECONDS, SMALLEST_BUFFER
from disagg.catalog.models import MODELS
from disagg.catalog.regions import REGIONS
from disagg.checks.rule import Finding, rule
from disagg.config.capacity import Capacity
from disagg.config.environment import Aws, Cluster
from disagg.config.serving import Serving
from disagg.config.weights import Fsx, HuggingFace, Store
from disagg.errors import Severity
from disagg.planner.layout import MEMORY_GIB_PER_GPU, groups
from disagg.planner.weights import capacity_gib, streaming
from disagg.units import bytes_to_gib, gib_to_mib

_AT = ("serving", "weights")


def _store(serving: Serving) -> Store | None:
    return None if isinstance(serving.weights, HuggingFace) else serving.weights


@rule("DISAGG-WGT-001")
def gated_models_come_with_a_token(serving: Serving) -> Iterator[Finding]:
    """A gated model that a Job copies to a store comes with the secret of a token.

    The Job asks Hugging Face for the weights, which gives those of a gated model only to who
    accepted its licence. The token stays in Secrets Manager: no manifest and no Kubernetes secret
    holds it.
    """
    store, model = _store(serving), MODELS.get(serving.model)
    if store and model and model.gated and store.token_secret is None:
        yield Finding(
            at=(*_AT, "kind"),
            got=f"{model.name} is gated, and no token_secret is named",
            need="serving.weights.token_secret, a secret in Secrets Manager",
            fix="aws secretsmanager create-secret --name disagg/hub-token, and name it",
        )


@rule("DISAGG-WGT-002", severity=Severity.WARNING)
def open_models_come_without_a_token(serving: Serving) -> Iterator[Finding]:
    """A model that everybody may have is copied without a token.

    A token that nothing needs is one more thing that can be lost, and an endpoint more in the VPC.
    """
    store, model = _store(serving), MODELS.get(serving.model)
    if store and model and not model.gated and store.token_secret is not None:
        yield Finding(
            at=(*_AT, "token_secret"),
            got=f"a token for {model.name}, which needs none",
            need="no token_secret",
            fix="leave it out",
        )


@rule("DISAGG-WGT-003")
def a_key_belongs_to_a_bucket_of_yours(serving: Serving) -> Iterator[Finding]:
    """`kms_key_arn` stands beside `bucket`.

    A bucket that is made gets a key of its own, which rotates; a key that is named and not used
    would be a setting silently lost.
    """
    store = _store(serving)
    if store and store.kms_key_arn and store.bucket is None:
        yield Finding(
            at=(*_AT, "kms_key_arn"),
            got="a key, and no bucket that it encrypts",
            need="serving.weights.bucket, or no kms_key_arn",
            fix="name the bucket, or leave the key out: the bucket that is made has its own",
        )


@rule("DISAGG-WGT-004")
def the_key_is_in_the_account_and_region(serving: Serving, aws: Aws) -> Iterator[Finding]:
    """The key of a bucket is in the account, region and partition of the environment.

    S3 refuses a key of another region. A key of another account is used only when its own policy
    says so too, which nothing here can see. Source: S3 user guide, "Using KMS encryption".
    """
    store = _store(serving)
    region = REGIONS.get(aws.region)
    if store is None or store.kms_key_arn is None or region is None:
        return
    _, partition, _, of, account, _ = store.kms_key_arn.split(":")
    if (partition, of, account) != (region.partition, aws.region, aws.account):
        yield Finding(
            at=(*_AT, "kms_key_arn"),
            got=f"a key of account {account} in {of}, partition {partition}",
            need=f"one of {aws.account} in {aws.region}, partition {region.partition}",
            fix="name the key that encrypts the bucket",
        )


@rule("DISAGG-WGT-006")
def the_nodes_array_is_where_it_is_looked_for(
    serving: Serving, cluster: Cluster, capacity: Capacity
) -> Iterator[Finding]:
    """A cache of the node is for AL2023 nodes of EKS: others mount their NVMe disks elsewhere.

    HyperPod's AMI mounts them at /opt/sagemaker, Bottlerocket at /mnt/.ephemeral; pods that want
    the array of an AL2023 node would wait for ever. Source: SageMaker developer guide,
    HyperPod, "Instance storage", read 2026-11-23; disagg.catalog.amis.
    """
    amis: set[str] = {group.ami for group in groups(capacity).values()}
    others = sorted(amis - {"al2023"}) if cluster.platform == "eks" else [cluster.platform]
    if serving.cache == "node" and others:
        yield Finding(
            at=("serving", "cache"),
            got=f"a cache of the node on {', '.join(others)}",
            need="cache: pod, or nodes of EKS with ami al2023",
            fix="leave it out",
        )


@rule("DISAGG-WGT-005")
def the_stream_has_room_in_memory(serving: Serving) -> Iterator[Finding]:
    """A pod that streams its weights has 16 GiB of RAM for each GPU, `/dev/shm` not counted.

    The streamer gets a quarter of it, and that must hold the largest tensor of the model.
    """
    model = MODELS.get(serving.model)
    for role, pool in (("prefill", serving.prefill), ("decode", serving.decode)):
        own = (pool.memory_gib or 0) - pool.shm_gib
        if _store(serving) is None or model is None or pool.memory_gib is None or own <= 0:
            continue
        buffer = streaming(model, pool.tensor_parallel, gib_to_mib(own)).memory_limit
        if buffer < SMALLEST_BUFFER:
            need = 4 * SMALLEST_BUFFER * pool.tensor_parallel // 1024**3 + pool.shm_gib
            yield Finding(
                at=("serving", role, "memory_gib"),
                got=f"{bytes_to_gib(buffer):.1f} GiB for weights on their way to each GPU",
                need=f"{bytes_to_gib(SMALLEST_BUFFER):.0f} GiB, with memory_gib {need} or more",
                fix=f"raise it, or leave it out: {MEMORY_GIB_PER_GPU} GiB a GPU is the default",
            )


def _file_system(serving: Serving) -> Fsx | None:
    return serving.weights if isinstance(serving.weights, Fsx) else None


@rule("DISAGG-WGT-007")
def a_file_system_has_a_size_that_is_made(serving: Serving) -> Iterator[Finding]:
    """A file system is 1200 GiB, 2400 GiB or a multiple of 2400 GiB.

    FSx makes no other size, and CloudFormation says so after the network and cluster are there.
    Source: FSx API reference, CreateFileSystem, StorageCapacity of PERSISTENT_2 on SSD.
    """
    fsx = _file_system(serving)
    size = fsx.capacity_gib if fsx else None
    if size and size != SMALLEST_FILE_SYSTEM_GIB and size % FILE_SYSTEM_STEP_GIB:
        yield Finding(
            at=(*_AT, "capacity_gib"),
            got=f"{size} GiB",
            need=f"{SMALLEST_FILE_SYSTEM_GIB}, or a multiple of {FILE_SYSTEM_STEP_GIB}",
            fix="leave it out: the default has room for two revisions of the model",
        )


@rule("DISAGG-WGT-008", severity=Severity.WARNING)
def the_file_system_is_stated(serving: Serving) -> Iterator[Finding]:
    """The file system that was made is stated, once it is there.

    AWS chooses its id and its mount name, and no manifest holds what only CloudFormation knows. So
    the first deployment makes it, SSM tells both, and they are written into the file. Until then no
    volume is rendered and GPU pods wait, which costs nothing while no GPU node runs.
    """
    fsx = _file_system(serving)
    if fsx is not None and fsx.file_system is None:
        yield Finding(
            at=(*_AT, "kind"),
            got="a file system that is not stated: no volume is rendered, and GPU pods would wait",
            need="serving.weights.file_system, once the stack Storage is deployed",
            fix="write the SSM parameters storage/file-system-id and -mount-name there",
        )


@rule("DISAGG-WGT-009")
def a_file_system_feeds_all_pods_before_they_are_given_up(serving: Serving) -> Iterator[Finding]:
    """All pods get their weights from the file system within the hour that a server may take.

    Its throughput is shared: pods that start at once, as after a roll-out or a lost zone, each get
    a part. A server that is not ready after an hour is killed, and reads everything again.
    """
    fsx, model = _file_system(serving), MODELS.get(serving.model)
    if fsx is None or model is None:
        return
    pods = serving.prefill.replicas + serving.decode.replicas
    size = capacity_gib(fsx, model)
    rate = file_system_link(size, fsx.throughput_mb_per_tib).gb_per_second
    seconds = pods * model.weight_bytes / 1e9 / rate
    if seconds > LONGEST_START_SECONDS:
        yield Finding(
            at=(*_AT, "kind"),
            got=f"{seconds:,.0f} s until {pods} pods have read {model.weight_bytes / 1e9:.1f} GB"
            f" each, at {rate:.2f} GB/s together",
            need=f"{LONGEST_START_SECONDS:,} s at most",
            fix="raise throughput_mb_per_tib or capacity_gib, or stream from S3: kind s3",
        )
