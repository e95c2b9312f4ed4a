"""Dynamic resource allocation (DRA): device classes, drivers, and how devices sit on PCIe roots."""

from dataclasses import dataclass

from disagg.catalog.cluster_agents import Agent
from disagg.catalog.resources import EFA, NVIDIA_GPU
from disagg.catalog.source import Kind, Source

DEVICE_PLUGIN = "device_plugin"
DRA = "dra"
DEVICE_EXPOSURES = (DEVICE_PLUGIN, DRA)
MINIMUM_KUBERNETES = (1, 34)
"""First version in which resource.k8s.io/v1 is on. Source: Kubernetes 1.34 release notes; EKS user
guide device-management-efa."""
API_VERSION = "resource.k8s.io/v1"
PCIE_ROOT = "resource.kubernetes.io/pcieRoot"
"""Attribute that both drivers publish; devices with the same value reach each other without passing
the CPU."""
MOST_DEVICES_OF_A_CLAIM = 32
"""Devices that one claim can be given. Source: Kubernetes API, AllocationResultsMaxSize."""

LABEL_DEVICE_EXPOSURE = "disagg/device-exposure"
NODE_LABELS = {LABEL_DEVICE_EXPOSURE: DRA}
"""Labels of nodes whose devices DRA drivers hand out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceClass:
    """One device class; the chart of its driver makes it, so manifests only name it."""

    name: str
    driver: str
    chart: str
    resource: str
    """Extended resource by which device plugins know the same device."""
    selector: str
    """What the class selects, as its chart says (CEL)."""
    source: Source


GPU_CLASS = DeviceClass(
    name="gpu.nvidia.com",
    driver="gpu.nvidia.com",
    chart="dra-driver-nvidia-gpu",
    resource=NVIDIA_GPU,
    selector=(
        "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'"
    ),
    source=Source(
        kind=Kind.PUBLISHED,
        reference=(
            "kubernetes-sigs/dra-driver-nvidia-gpu@2240711 deployments/helm/dra-driver-nvidia-gpu/"
            "templates/deviceclass-gpu.yaml; made when resources.gpus.enabled, which needs"
            " gpuResourcesEnabledOverride"
        ),
        date="2026-05-15",
    ),
)
EFA_CLASS = DeviceClass(
    name="efa.networking.k8s.aws",
    driver="dra.net",
    chart="aws-dranet",
    resource=EFA,
    selector=(
        'device.driver == "dra.net" &&'
        " device.attributes[\"dra.net\"].pciDevice == 'Elastic Fabric Adapter (EFA)'"
    ),
    source=Source(
        kind=Kind.PUBLISHED,
        reference=(
            "aws/eks-charts@5239609 stable/aws-dranet templates/deviceclass.yaml (chart 1.0.0)"
        ),
        date="2026-08-03",
    ),
)
DEVICE_CLASSES = {row.name: row for row in (GPU_CLASS, EFA_CLASS)}
"""Device classes that claims may name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PcieRoots:
    """How the devices of an instance type sit on its PCIe roots; all roots are alike."""

    gpus: int
    """GPUs on one root."""
    efa_devices: int
    """EFA devices on one root."""
    source: Source


_EVEN = Source(
    kind=Kind.ASSUMED,
    reference=(
        "as on p5.48xlarge, one GPU to a root with its even share of the EFA devices; read on no"
        " node: `kubectl get resourceslices -o yaml` shows it"
    ),
    date="2026-11-28",
)

PCIE_ROOTS: dict[str, PcieRoots] = {
    "p5.48xlarge": PcieRoots(
        gpus=1,
        efa_devices=4,
        source=Source(
            kind=Kind.PUBLISHED,
            reference=(
                "Karpenter documentation, tasks/dra: each of the eight GPUs of a p5.48xlarge shares"
                " a PCIe root with four EFA devices"
            ),
            date="2026-11-28",
        ),
    ),
    "p5e.48xlarge": PcieRoots(gpus=1, efa_devices=4, source=_EVEN),
    "p5en.48xlarge": PcieRoots(gpus=1, efa_devices=2, source=_EVEN),
    "p6-b200.48xlarge": PcieRoots(gpus=1, efa_devices=1, source=_EVEN),
    "p6-b300.48xlarge": PcieRoots(gpus=1, efa_devices=2, source=_EVEN),
}
"""Types whose claims ask for devices of one PCIe root. For others nothing says how devices sit, so
their claims do not."""

_GPU_TAINT = {"key": NVIDIA_GPU, "operator": "Exists", "effect": "NoSchedule"}
_CRITICAL = {"key": "CriticalAddonsOnly", "operator": "Exists"}
DRIVERS: dict[str, Agent] = {
    row.name: row
    for row in (
        Agent(
            name="dra-driver-nvidia-gpu",
            comes_with="dra-driver-nvidia-gpu",
            replicas=None,
            cpu_milli=0,
            memory_mib=0,
            tolerates=(_GPU_TAINT,),
            advertises=GPU_CLASS.name,
            priority_class="system-node-critical",
            source=Source(
                kind=Kind.PUBLISHED,
                reference=(
                    "kubernetes-sigs/dra-driver-nvidia-gpu@2240711 deployments/helm/"
                    "dra-driver-nvidia-gpu/values.yaml (kubeletPlugin)"
                ),
                date="2026-05-15",
            ),
        ),
        Agent(
            name="aws-dranet",
            comes_with="aws-dranet",
            replicas=None,
            cpu_milli=100,
            memory_mib=50,
            # Why the taint of GPU nodes: the chart tolerates only the first by itself.
            tolerates=(_CRITICAL, _GPU_TAINT),
            advertises=EFA_CLASS.name,
            priority_class="system-node-critical",
            source=Source(
                kind=Kind.PUBLISHED,
                reference="aws/eks-charts@5239609 stable/aws-dranet values.yaml, daemonset.yaml",
                date="2026-08-03",
            ),
        ),
    )
}
"""Daemons that publish devices, with the values their charts need on tainted nodes."""
