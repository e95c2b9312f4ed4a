"""Names and pool sizes Kubernetes knows the fabric by: extended resources, labels, huge pages."""

from disagg.catalog.source import Kind, Source
from disagg.units import Mib

NVIDIA_GPU = "nvidia.com/gpu"
"""Extended resource of one whole GPU, advertised by NVIDIA k8s-device-plugin."""
EFA = "vpc.amazonaws.com/efa"
"""Extended resource of one whole EFA interface; a device is never shared between pods."""
HUGE_PAGES_2MI = "hugepages-2Mi"
"""Kubernetes resource of 2 MiB huge pages; requests must equal limits."""

RESOURCES_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "aws/eks-charts stable/aws-efa-k8s-device-plugin and EKS user guide node-efa;"
        " NVIDIA/k8s-device-plugin README; Kubernetes docs, manage huge pages"
    ),
    date="2026-10-20",
)

EFA_HUGE_PAGES = 5_128
"""2 MiB pages the EFA driver allocates on a node before any pod starts [pages]."""
EFA_HUGE_PAGES_MIB = Mib(EFA_HUGE_PAGES * 2)
"""The same pool in [MiB]: all pods of a node together cannot request more."""
HUGE_PAGES_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference="EKS user guide node-efa: the EFA driver pre-allocates 5128 pages of 2 MiB",
    date="2026-10-20",
)

LABEL_ROLE = "llm-d.ai/role"
"""Which half of the pair a pod is: the router's role filters read it."""
ROLE_PREFILL = "prefill"
ROLE_DECODE = "decode"
ROLE_PREFILL_DECODE = "prefill-decode"
"""A pod that does both; the older spelling `both` is deprecated upstream."""
LABEL_MODEL = "llm-d.ai/model"
LABEL_GUIDE = "llm-d.ai/guide"
LABEL_ACCELERATOR_VARIANT = "llm-d.ai/accelerator-variant"
LABEL_ACCELERATOR_VENDOR = "llm-d.ai/accelerator-vendor"
LABEL_ENGINE_TYPE = "llm-d.ai/engine-type"
"""Which engine's metric names the router reads (`vllm`)."""
LABEL_INFERENCE_SERVING = "llm-d.ai/inference-serving"
"""Selector label of llm-d 0.5; newer guides select by model and guide."""
LABELS_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "llm-d/llm-d@7edda66 guides/recipes/modelserver/base/single-host;"
        " llm-d/llm-d-router@ebab687 pkg/epp/framework/plugins/scheduling/filter/bylabel"
    ),
    date="2026-08-22",
)

LABEL_NODE_ENVIRONMENT = "disagg/environment"
"""Name of the environment a node group is for: pods of another never land on its nodes, where EFA
would be open between them."""
LABEL_NODE_ROLE = "disagg/role"
"""What a node group is for: `prefill`, `decode`, `shared` or `system`; pods select nodes by it."""
SYSTEM_NODES = "system"
"""Value of that label on the nodes of the router, DNS and controllers."""
NVME_ARRAY = "/mnt/k8s-disks/0"
"""Where a node mounts its NVMe disks with `localStorage.strategy: RAID0`; a node without the array
has no such directory. Source: awslabs/amazon-eks-ami nodeadm, setup-local-disks; 2026-11-23."""
GPU_TAINT = ("nvidia.com/gpu", "present")
"""Key and value of the taint that keeps what asks for no GPU off GPU nodes."""
LABEL_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
LABEL_ZONE = "topology.kubernetes.io/zone"
LABEL_ZONE_ID = "topology.k8s.aws/zone-id"
"""Zone id of a node: the same place in every account, which the zone's name is not."""
LABEL_NODE_HEALTH = "sagemaker.amazonaws.com/node-health-status"
"""Label, and taint, that HyperPod sets from its health checks."""
HEALTHY = "Schedulable"
"""Value of the label on a node whose checks passed. Source: SageMaker developer guide
sagemaker-hyperpod-eks-resiliency-node-labels, read 2026-08-01."""
LABEL_CAPACITY_TYPE = "eks.amazonaws.com/capacityType"
LABEL_HOSTNAME = "kubernetes.io/hostname"
NODE_LABELS_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "Kubernetes docs, well-known labels; kubernetes/cloud-provider-aws sets"
        " topology.k8s.aws/zone-id"
    ),
    date="2026-10-20",
)
