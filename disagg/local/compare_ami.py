"""What follows from the AMI of a node group and from who hands out its devices."""

from collections.abc import Iterator

from disagg.catalog.amis import AL2023, AMI_FAMILIES, LABEL_NODE_AMI
from disagg.catalog.dra import DRA, NODE_LABELS
from disagg.catalog.resources import LABEL_NODE_ENVIRONMENT, LABEL_NODE_ROLE
from disagg.config.environment import Environment
from disagg.local.aws.readback import LaunchTemplate
from disagg.local.aws.user_data import joins_local_disks, runs_own_gpu_plugin
from disagg.local.facts import Fact
from disagg.planner.layout import groups
from disagg.planner.plan import GroupPlan


def node_labels(environment: Environment, plan: GroupPlan) -> dict[str, str]:
    """Return the labels of a group's nodes: whose they are, and what daemons select."""
    labels = {LABEL_NODE_ENVIRONMENT: environment.name, LABEL_NODE_ROLE: plan.name}
    if plan.ami != AL2023:
        labels[LABEL_NODE_AMI] = plan.ami
    if environment.capacity.device_exposure == DRA:
        labels |= NODE_LABELS
    return dict(sorted(labels.items()))


def disk_facts(
    name: str, environment: Environment, plan: GroupPlan, template: LaunchTemplate
) -> Iterator[Fact]:
    """Yield volumes, local disks and the AMI's own device plugin."""
    ami = AMI_FAMILIES[plan.ami]
    size = groups(environment.capacity)[plan.name].root_volume_gib
    yield Fact(
        about=f"{name}: encrypted volumes [GiB]",
        planned=[one for one in (ami.system_volume_gib, size) if one is not None],
        created=[one.size_gib for one in template.volumes if one.encrypted],
    )
    yield Fact(
        about=f"{name}: NVMe as RAID 0",
        planned=True,
        created=joins_local_disks(template.user_data),
    )
    if ami.brings_gpu_plugin:
        yield Fact(
            about=f"{name}: the AMI's own GPU plugin",
            planned=environment.capacity.device_exposure != DRA,
            created=runs_own_gpu_plugin(template.user_data),
        )
