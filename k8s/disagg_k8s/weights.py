"""How a server pod gets its weights, and what stops it while they are not all in the store."""

import json
from importlib.resources import files

from disagg.catalog.models import MODELS
from disagg.config.environment import Environment
from disagg.planner.layout import SIDECAR_MEMORY_MIB, PodPlan
from disagg.planner.weights import (
    MODELS_MOUNT,
    brought_vocabulary,
    file_system_of,
    model_place,
    store_of,
    streaming,
    vocabulary_url,
)
from disagg.units import Mib
from disagg_k8s import names
from disagg_k8s.manifest import Json

_VOCABULARY = "vocabulary"
_FOLDER = "/vocabulary"
_MOUNT: Json = {"name": _VOCABULARY, "mountPath": _FOLDER}
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
    found = brought_vocabulary(environment)
    return [
        *_region(environment),
        {"name": "RUNAI_STREAMER_NO_BOTO3_SESSION", "value": "0"},
        # Why: configuration and tokenizer are put here, and the rest of the image is no place.
        {"name": "VLLM_ASSETS_CACHE", "value": f"{cache}/assets"},
        *([{"name": found.variable, "value": _FOLDER}] if found else []),
    ]


def _region(environment: Environment) -> list[Json]:
    return [{"name": "AWS_DEFAULT_REGION", "value": environment.aws.region}]


def weights_gate(environment: Environment) -> list[Json]:
    """Return the init container that waits, by failing, until the whole model is there."""
    if store_of(environment) is None:
        return []
    if file_system_of(environment) is not None:
        command = ["python3", "-c", program("files_gate.py"), model(environment)]
        gate = _before(environment, "weights-gate", command)
        del gate["env"]
        return [gate | {"volumeMounts": mounts(environment)}]
    command = ["python3", "-c", program("weights_gate.py"), model(environment)]
    return [_before(environment, "weights-gate", command), *_vocabulary(environment)]


def vocabulary_volumes(environment: Environment) -> list[Json]:
    """Return the volume of a file that the engine would else fetch; none with internet."""
    found = brought_vocabulary(environment)
    return [{"name": _VOCABULARY, "emptyDir": {"sizeLimit": "64Mi"}}] if found else []


def vocabulary_mounts(environment: Environment) -> list[Json]:
    """Return where a server finds that file."""
    found = brought_vocabulary(environment)
    return [_MOUNT | {"readOnly": True}] if found else []


def _vocabulary(environment: Environment) -> list[Json]:
    """Return the init container that puts the file where the engine looks first."""
    found = brought_vocabulary(environment)
    if found is None:
        return []
    place = vocabulary_url(environment)
    code = program("fetch_file.py")
    command = ["python3", "-c", code, place, f"{_FOLDER}/{found.name}", found.sha256]
    return [_before(environment, _VOCABULARY, command) | {"volumeMounts": [_MOUNT]}]


def _before(environment: Environment, name: str, command: list[str]) -> Json:
    return {
        "name": name,
        "image": names.images(environment).server,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": _region(environment),
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"memory": "256Mi"},
        },
        "securityContext": names.HARDENED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


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
