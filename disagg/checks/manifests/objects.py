"""A typed view of rendered manifests: what rules ask of them, read from the plain objects."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

import yaml

from disagg.catalog.dra import DEVICE_CLASSES
from disagg.catalog.flags import ENDPOINT_PICKER, SIDECAR, VLLM
from disagg.catalog.resources import LABEL_ROLE
from disagg.quantities import quantity

Json = dict[str, Any]
At = tuple[str | int, ...]

ENVOY = "envoy"
_BALANCER_PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
_PROGRAMS = {
    "endpoint-picker": ENDPOINT_PICKER,
    "inference-scheduler": ENDPOINT_PICKER,
    "disagg-sidecar": SIDECAR,
    "routing-sidecar": SIDECAR,
    "envoyproxy/": ENVOY,
}


def selects(match_labels: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return whether a selector matches; an empty one matches everything."""
    return all(labels.get(key) == value for key, value in match_labels.items())


def _parsed(text: str) -> object:
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None  # Guard: a ConfigMap may hold any text, a query or a script for example.


def walk(value: object, at: At = ()) -> Iterator[tuple[At, object]]:
    """Yield every scalar and every key of an object with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*at, key), key
            yield from walk(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*at, index))
    else:
        yield at, value


def title(one: Json) -> str:
    """Return how findings name an object: `Deployment pilot-serving/prefill`."""
    metadata = one.get("metadata", {})
    place = "/".join(p for p in (metadata.get("namespace"), metadata.get("name")) if p)
    return f"{one.get('kind')} {place}"


@dataclass(frozen=True)
class Container:
    """One container of a pod."""

    data: Json
    at: At
    init: bool
    """Whether it stands under `initContainers`."""
    devices: Mapping[str, Decimal] = field(default_factory=dict)
    """Devices of the claims it names, by the resource that counts the same devices."""

    @property
    def name(self) -> str:
        """Name of the container."""
        return str(self.data.get("name"))

    @property
    def image(self) -> str:
        """Image reference as written."""
        return str(self.data.get("image", ""))

    @property
    def stays(self) -> bool:
        """Whether it runs for as long as the pod: a container, or a native sidecar."""
        return not self.init or self.data.get("restartPolicy") == "Always"

    @property
    def program(self) -> str | None:
        """What runs in it (`vllm`, `epp`, `pd-sidecar`, `envoy`); None for anything else."""
        if self.data.get("command", [])[:2] == ["vllm", "serve"]:
            return VLLM
        found = (program for part, program in _PROGRAMS.items() if part in self.image)
        return next(found, None)

    @cached_property
    def flags(self) -> dict[str, str | None]:
        """Arguments that begin with `-`, by name; the value is None where none was given."""
        found: dict[str, str | None] = {}
        pending: str | None = None
        for argument in self.data.get("args", []):
            if not argument.startswith("-"):
                if pending is not None and found[pending] is None:
                    found[pending] = argument
                pending = None
                continue
            name, equals, value = argument.partition("=")
            found[name] = value if equals else None
            pending = None if equals else name
        return found

    def number(self, flag: str, default: int | None = None) -> int | None:
        """Return a flag's value as a number; `default` where it is not there or is no number."""
        value = self.flags.get(flag)
        return int(value) if value is not None and value.isdecimal() else default

    @property
    def counted(self) -> dict[str, Decimal]:
        """Requested resources in base units; a limit without a request counts as one."""
        given = self.data.get("resources", {})
        both = {**given.get("limits", {}), **given.get("requests", {})}
        return {name: quantity(value) for name, value in both.items()}

    @property
    def claims(self) -> tuple[str, ...]:
        """Claims of its pod that it names."""
        given = self.data.get("resources", {}).get("claims", [])
        return tuple(str(one.get("name")) for one in given)

    @property
    def requests(self) -> dict[str, Decimal]:
        """What it asks for, counted or claimed."""
        return {**self.counted, **self.devices}

    @property
    def limits(self) -> dict[str, Decimal]:
        """Limits in base units."""
        given = self.data.get("resources", {}).get("limits", {})
        return {name: quantity(value) for name, value in given.items()}

    @property
    def ports(self) -> dict[str, int]:
        """Container ports by name (by number where they have none)."""
        given = self.data.get("ports", [])
        return {str(p.get("name", p["containerPort"])): p["containerPort"] for p in given}

    def resolve(self, port: str | int) -> int | None:
        """Return the number of one of its ports, given by name or number; None if it has none."""
        if isinstance(port, int):
            return port if port in self.ports.values() else None
        return self.ports.get(port)

    @property
    def variables(self) -> dict[str, Json]:
        """Environment entries by name."""
        return {entry["name"]: entry for entry in self.data.get("env", [])}

    @cached_property
    def kv_transfer(self) -> Json | None:
        """The parsed `--kv-transfer-config`; None where there is none or it is no JSON object."""
        return self.mapping("--kv-transfer-config")

    def mapping(self, flag: str) -> Json | None:
        """Return a flag's value as a JSON object; None where there is none or it is none."""
        text = self.flags.get(flag)
        try:
            parsed = json.loads(text) if text else None
        except json.JSONDecodeError:
            return None
        return parsed if isinstance(parsed, dict) else None


@dataclass(frozen=True)
class Workload:
    """One object that makes pods."""

    data: Json
    templates: Mapping[str, Json] = field(default_factory=dict)
    """Templates of claims by title; pods name those of their own namespace."""

    @property
    def at(self) -> At:
        """Where its pod is, for findings."""
        return (title(self.data), "spec", "template", "spec")

    @property
    def namespace(self) -> str:
        """Namespace of its pods."""
        return str(self.data["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        """Name of the object."""
        return str(self.data["metadata"]["name"])

    @property
    def replicas(self) -> int:
        """Pods it makes."""
        return int(self.data["spec"].get("replicas", 1))

    @property
    def labels(self) -> dict[str, str]:
        """Labels of its pods."""
        return dict(self.data["spec"]["template"]["metadata"].get("labels", {}))

    @property
    def pod(self) -> Json:
        """Its pod's spec."""
        spec: Json = self.data["spec"]["template"]["spec"]
        return spec

    @property
    def role(self) -> str | None:
        """`prefill` or `decode` for a model server the router uses, else None."""
        return self.labels.get(LABEL_ROLE)

    def memory_volumes(self, container: Container) -> list[Decimal | None]:
        """Return the sizes of the memory volumes a container mounts; None where one has none."""
        sizes = {
            v["name"]: v["emptyDir"].get("sizeLimit")
            for v in self.pod.get("volumes", [])
            if v.get("emptyDir", {}).get("medium") == "Memory"
        }
        mounted = [m["name"] for m in container.data.get("volumeMounts", [])]
        return [quantity(sizes[name]) if sizes[name] else None for name in mounted if name in sizes]

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """All its containers, init containers first."""
        return tuple(
            Container(data, (*self.at, key, index), init, self._devices_of(data))
            for key, init in (("initContainers", True), ("containers", False))
            for index, data in enumerate(self.pod.get(key, []))
        )

    @cached_property
    def claimed(self) -> dict[str, dict[str, Decimal]]:
        """Devices of each claim of its pod, by the resource that counts the same devices."""
        return {
            str(one.get("name")): _claimed(
                self.templates.get(
                    f"ResourceClaimTemplate {self.namespace}/"
                    f"{one.get('resourceClaimTemplateName')}",
                    {},
                )
            )
            for one in self.pod.get("resourceClaims", [])
        }

    def _devices_of(self, container: Json) -> dict[str, Decimal]:
        named = container.get("resources", {}).get("claims", [])
        return _sum(self.claimed.get(str(one.get("name")), {}) for one in named)

    def running(self, program: str) -> tuple[Container, ...]:
        """Return the containers that run a program."""
        return tuple(one for one in self.containers if one.program == program)

    @property
    def requests(self) -> dict[str, Decimal]:
        """What the scheduler books: containers and sidecars together, or a larger init step.

        What is claimed is given to the pod once, however many containers name it.

        Source: Kubernetes docs, pod overhead of sidecar containers (KEP-753).
        """
        total: dict[str, Decimal] = {}
        peak: dict[str, Decimal] = {}
        for one in self.containers:
            for name, amount in one.counted.items():
                if one.stays:
                    total[name] = total.get(name, Decimal(0)) + amount
                    reached = total[name]
                else:
                    reached = total.get(name, Decimal(0)) + amount
                peak[name] = max(peak.get(name, Decimal(0)), reached)
        return _sum([peak, *self.claimed.values()])


def _sum(amounts: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for each in amounts:
        for name, amount in each.items():
            total[name] = total.get(name, Decimal(0)) + amount
    return total


def _claimed(template: Json) -> dict[str, Decimal]:
    """Return the devices a claim of a template asks for, by the resource that counts them."""
    devices = template.get("spec", {}).get("spec", {}).get("devices", {})
    exact = [one.get("exactly", {}) for one in devices.get("requests", [])]
    return _sum(
        {DEVICE_CLASSES[one["deviceClassName"]].resource: Decimal(one.get("count", 1))}
        for one in exact
        if one.get("deviceClassName") in DEVICE_CLASSES
    )


@dataclass(frozen=True)
class Manifests:
    """Everything that was rendered for one environment."""

    objects: tuple[Json, ...]

    @classmethod
    def of(cls, files: Mapping[str, Sequence[Json]]) -> "Manifests":
        """Return the view of rendered files, in apply order."""
        return cls(tuple(one for objects in files.values() for one in objects))

    @property
    def titles(self) -> tuple[str, ...]:
        """How findings name the objects."""
        return tuple(title(one) for one in self.objects)

    def kind(self, *kinds: str) -> tuple[Json, ...]:
        """Return the objects of these kinds."""
        return tuple(one for one in self.objects if one.get("kind") in kinds)

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Every object that makes pods."""
        templates = {title(one): one for one in self.kind("ResourceClaimTemplate")}
        return tuple(
            Workload(one, templates)
            for one in self.objects
            # Why not by `template` alone: a node pool has one too, of nodes.
            if isinstance(one.get("spec"), dict)
            and "containers" in one["spec"].get("template", {}).get("spec", {})
        )

    @cached_property
    def servers(self) -> tuple[tuple[Workload, Container], ...]:
        """Every vLLM container with the object that makes it."""
        return tuple((w, one) for w in self.workloads for one in w.running(VLLM))

    def role(self, role: str) -> tuple[tuple[Workload, Container], ...]:
        """Return the vLLM containers of a role."""
        return tuple((w, one) for w, one in self.servers if w.role == role)

    @cached_property
    def pickers(self) -> tuple[tuple[Workload, Container], ...]:
        """Every endpoint picker."""
        return tuple((w, one) for w in self.workloads for one in w.running(ENDPOINT_PICKER))

    def load_balancers(self) -> Iterator[tuple[Json, dict[str, str], list[Workload]]]:
        """Yield every Service with a load balancer: it, its short annotations, who is behind it."""
        for one in self.kind("Service"):
            if one["spec"].get("type") == "LoadBalancer":
                given = one["metadata"].get("annotations", {})
                short = {
                    key.removeprefix(_BALANCER_PREFIX): value
                    for key, value in given.items()
                    if key.startswith(_BALANCER_PREFIX)
                }
                chosen = one["spec"].get("selector", {})
                place = one["metadata"]["namespace"]
                behind = [
                    w for w in self.workloads if w.namespace == place and selects(chosen, w.labels)
                ]
                yield one, short, behind

    @cached_property
    def _files(self) -> tuple[tuple[At, Json], ...]:
        """Every YAML mapping in a ConfigMap, parsed once."""
        parsed = [
            ((title(one), "data", name), _parsed(text))
            for one in self.kind("ConfigMap")
            for name, text in one.get("data", {}).items()
        ]
        return tuple((at, value) for at, value in parsed if isinstance(value, dict))

    def picker_configs(self) -> Iterator[tuple[At, Json]]:
        """Yield every EndpointPickerConfig."""
        yield from ((at, v) for at, v in self._files if v.get("kind") == "EndpointPickerConfig")

    def envoy_configs(self) -> Iterator[tuple[At, Json]]:
        """Yield every Envoy bootstrap."""
        yield from ((at, v) for at, v in self._files if "static_resources" in v)
