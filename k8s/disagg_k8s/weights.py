"""How a server pod gets its weights, and what stops it while they are not all in the store."""

import json
from importlib.resources import files

from disagg.catalog.models import MODELS
from disagg.config.environment import Environment
from disagg.planner.layout import SIDECAR_MEMORY_MIB, PodPlan
from disagg.planner.weights import (
    MODELS_MOUNT,
    file_system_of,
    model_place,
    store_of,
    streaming,
)
from disagg.units import Mib
from disagg_k8s import names
from disagg_k8s.manifest import Json

HF_TOKEN: Json = {
    "name": "HF_TOKEN",
    "valueFrom": {"secretKeyRef": {"name": "hf-token", "key": "HF_TOKEN", "optional": True}},
}


def program(name: str) -> str:
    """Return the text of a program that runs in a pod."""
    return (files("disagg_k8s") / "programs" / name).read_text("utf-8")


def model(environment: Environment) -> str:
    """Return what vLLM is to load: an id on the hub, a place in the store, or a directory."""
    store = store_of(environment)
    return model_place(environment, store) if store else environment.serving.model


def arguments(environment: Environment, plan: PodPlan) -> list[str]:
    """Return the vLLM arguments that make it stream; none where it asks the hub.

    Why the served name: clients and the router ask for the model by its id, wherever it lies.
    """
    if store_of(environment) is None:
        return []
    own = plan.requests.memory_mib - plan.shm_mib
    memory = own - SIDECAR_MEMORY_MIB if plan.role == names.DECODE else own
    found = streaming(MODELS[environment.serving.model], plan.tensor_parallel, Mib(memory))
    config = {"concurrency": found.concurrency, "memory_limit": found.memory_limit}
    if found.distributed:
        config["distributed"] = True
    return [
        f"--served-model-name={environment.serving.model}",
        "--load-format=runai_streamer",
        f"--model-loader-extra-config={json.dumps(config, separators=(',', ':'))}",
    ]


def variables(environment: Environment, cache: str) -> list[Json]:
    """Return the environment entries of a source: the hub's token, or how the bucket is reached.

    Why boto3 for the credentials: the streamer's C++ client asks Pod Identity for them only in
    newer versions; boto3 always does. Source: run-ai/runai-model-streamer docs/src/usage.md.
    """
    if store_of(environment) is None:
        return [HF_TOKEN]
    if file_system_of(environment) is not None:
        return []
    return [
        *_region(environment),
        {"name": "RUNAI_STREAMER_NO_BOTO3_SESSION", "value": "0"},
        # Why: configuration and tokenizer are put here, and the rest of the image is no place.
        {"name": "VLLM_ASSETS_CACHE", "value": f"{cache}/assets"},
    ]


def _region(environment: Environment) -> list[Json]:
    return [{"name": "AWS_DEFAULT_REGION", "value": environment.aws.region}]


def weights_gate(environment: Environment) -> list[Json]:
    """Return the init container that waits, by failing, until the whole model is there."""
    if store_of(environment) is None:
        return []
    files = file_system_of(environment) is not None
    text = program("files_gate.py" if files else "weights_gate.py")
    return [
        {
            "name": "weights-gate",
            "image": names.images(environment).server,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", text, model(environment)],
            **({} if files else {"env": _region(environment)}),
            "resources": {
                "requests": {"cpu": "100m", "memory": "256Mi"},
                "limits": {"memory": "256Mi"},
            },
            "securityContext": names.HARDENED,
            **({"volumeMounts": mounts(environment)} if files else {}),
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }
    ]


def volumes(environment: Environment) -> list[Json]:
    """Return the volume of models of a server's pod; none without a file system."""
    fsx = file_system_of(environment)
    if fsx is None:
        return []
    claim = {"claimName": names.models_claim(fsx), "readOnly": True}
    return [{"name": "models", "persistentVolumeClaim": claim}]


def mounts(environment: Environment) -> list[Json]:
    """Return how a container sees the volume of models: as files that it cannot change."""
    if file_system_of(environment) is None:
        return []
    return [{"name": "models", "mountPath": MODELS_MOUNT, "readOnly": True}]


def loader_variables(environment: Environment) -> list[Json]:
    """Return the environment entries of the Job that fills the store."""
    return [*_region(environment), {"name": "PYTHONUNBUFFERED", "value": "1"}]
