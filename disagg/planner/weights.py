"""Where weights lie and how they are read: names and settings that charts and stacks agree on."""

import hashlib
import math
from dataclasses import dataclass

from disagg.catalog.file_systems import FILE_SYSTEM_STEP_GIB, SMALLEST_FILE_SYSTEM_GIB
from disagg.catalog.model_loading import FEWEST_STREAMS, MOST_STREAMS, STREAM_BYTES
from disagg.catalog.models import MODELS, Model, Vocabulary
from disagg.catalog.regions import REGIONS
from disagg.config.environment import Environment
from disagg.config.weights import Fsx, HuggingFace, Store
from disagg.units import Bytes, Mib, bytes_to_gib, mib_to_bytes

MODEL_SERVER = "model-server"
"""Service account of every model server: it reads the store."""
MODEL_LOADER = "model-loader"
"""Service account of the Job that fills the store."""
MODELS_MOUNT = "/mnt/models"
"""Where pods mount a file system of models."""
_REVISIONS = 2
"""Copies of a model that a file system has room for: the next one is loaded before the last is
gone."""
_BUFFER_SHARE = 4
"""A pod's RAM over what the streamer may take of it: the engine needs the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Streaming:
    """Settings of Run:ai Model Streamer for one pod."""

    concurrency: int
    """Streams that read at once [count]."""
    memory_limit: Bytes
    """RAM that each of the pod's GPUs may fill with weights on their way [B]."""
    distributed: bool
    """Whether each GPU reads its part and hands it to the others: read once, not once a GPU."""


def store_of(environment: Environment) -> Store | None:
    """Return the store that pods read their weights from, None where they ask the hub."""
    weights = environment.serving.weights
    return None if isinstance(weights, HuggingFace) else weights


def file_system_of(environment: Environment) -> Fsx | None:
    """Return the file system in front of the store, None where pods read the bucket or the hub."""
    weights = environment.serving.weights
    return weights if isinstance(weights, Fsx) else None


def capacity_gib(fsx: Fsx, model: Model) -> int:
    """Return the size of a file system [GiB]: the file's, or the smallest for two revisions.

    Example:
        >>> from disagg.config.weights import Fsx
        >>> from disagg.catalog.models import MODELS
        >>> fsx = Fsx(kind="fsx", revision="0" * 40)
        >>> capacity_gib(fsx, MODELS["openai/gpt-oss-120b"])
        1200
        >>> capacity_gib(fsx, MODELS["deepseek-ai/DeepSeek-R1"])
        2400
    """
    if fsx.capacity_gib is not None:
        return fsx.capacity_gib
    wanted = _REVISIONS * bytes_to_gib(model.weight_bytes)
    if wanted <= SMALLEST_FILE_SYSTEM_GIB:
        return SMALLEST_FILE_SYSTEM_GIB
    return FILE_SYSTEM_STEP_GIB * math.ceil(wanted / FILE_SYSTEM_STEP_GIB)


def dns_name(file_system_id: str, region: str) -> str:
    """Return the name nodes reach a file system by.

    Source: FSx API reference, `FileSystem.DNSName`; kubernetes-sigs/aws-fsx-csi-driver@5b227125
    examples/kubernetes/static_provisioning.

    Example:
        >>> dns_name("fs-0123456789abcdef0", "us-west-2")
        'fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com'
    """
    china = ".cn" if REGIONS[region].partition == "aws-cn" else ""
    return f"{file_system_id}.fsx.{region}.amazonaws.com{china}"


def bucket_name(environment: Environment, store: Store) -> str:
    """Return the bucket: the user's own, or the one that is made.

    Why a digest in it: names of buckets are unique in all of AWS, and manifests hold the name but
    no account id (DISAGG-OBJ-001).
    """
    if store.bucket is not None:
        return store.bucket
    aws = environment.aws
    # Why the prefix: another prefix is another environment, in the same account too.
    whose = "/".join(one for one in (environment.name, aws.name_prefix) if one)
    where = f"{aws.account}/{aws.region}/{whose}"
    return f"disagg-{environment.name}-models-{hashlib.sha256(where.encode()).hexdigest()[:10]}"


def store_url(environment: Environment, store: Store) -> str:
    """Return where the model lies, without a slash at the end.

    Example: `s3://disagg-pilot-models-0123456789/models/openai/gpt-oss-120b/<revision>`.
    """
    bucket = bucket_name(environment, store)
    return f"s3://{bucket}/{store.prefix}/{environment.serving.model}/{store.revision}"


def model_place(environment: Environment, store: Store) -> str:
    """Return where a server reads the model: a place in the bucket, or a directory.

    Example: `/mnt/models/models/openai/gpt-oss-120b/<revision>`.
    """
    if isinstance(store, Fsx):
        return f"{MODELS_MOUNT}/{store.prefix}/{environment.serving.model}/{store.revision}"
    return store_url(environment, store)


def brought_vocabulary(environment: Environment) -> Vocabulary | None:
    """Return the file an engine would fetch from the internet, where there is none and a store is.

    People put it beside the models, and pods take it from there.
    """
    closed = environment.closed and store_of(environment) is not None
    return MODELS[environment.serving.model].vocabulary if closed else None


def vocabulary_url(environment: Environment) -> str:
    """Return where that file is; empty where there is none."""
    store, found = store_of(environment), brought_vocabulary(environment)
    if store is None or found is None:
        return ""
    return f"s3://{bucket_name(environment, store)}/{store.prefix}/vocabulary/{found.name}"


def streaming(model: Model, gpus: int, memory_mib: Mib) -> Streaming:
    """Return the streamer's settings for a pod, from the size of its weights and its RAM.

    Args:
        model: What is loaded.
        gpus: GPUs of the pod: tensor parallelism.
        memory_mib: RAM of the pod without `/dev/shm` [MiB].

    Example:
        >>> from disagg.catalog.models import MODELS
        >>> streaming(MODELS["openai/gpt-oss-120b"], 4, 262_144)
        Streaming(concurrency=17, memory_limit=17179869184, distributed=True)
    """
    wanted = math.ceil(model.weight_bytes / STREAM_BYTES)
    return Streaming(
        concurrency=min(max(wanted, FEWEST_STREAMS), MOST_STREAMS),
        memory_limit=Bytes(mib_to_bytes(memory_mib) // gpus // _BUFFER_SHARE),
        distributed=gpus > 1,
    )
