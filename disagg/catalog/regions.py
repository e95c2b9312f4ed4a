"""AWS regions: partition and the prefix of their Availability Zone ids."""

from dataclasses import dataclass

from disagg.catalog.source import Kind, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """One AWS region."""

    name: str
    partition: str
    zone_id_prefix: str
    """Zone ids are `<prefix>-az<N>` and mean the same place in every account."""


REGIONS_SOURCE = Source(
    kind=Kind.PUBLISHED,
    reference=(
        "AWS Resource Access Manager user guide, Availability Zone ids;"
        " checked against the zones moto 5.2.5 recorded from EC2"
    ),
    date="2026-11-23",
)

_ZONE_ID_PREFIXES = {
    "aws": (
        "af-south-1:afs1 ap-east-1:ape1 ap-east-2:ape2 ap-northeast-1:apne1 ap-northeast-2:apne2"
        " ap-northeast-3:apne3 ap-south-1:aps1 ap-south-2:aps2 ap-southeast-1:apse1"
        " ap-southeast-2:apse2 ap-southeast-3:apse3 ap-southeast-4:apse4 ap-southeast-5:apse5"
        " ap-southeast-6:apse6 ap-southeast-7:apse7 ca-central-1:cac1 ca-west-1:caw1"
        " eu-central-1:euc1 eu-central-2:euc2 eu-north-1:eun1 eu-south-1:eus1 eu-south-2:eus2"
        " eu-west-1:euw1 eu-west-2:euw2 eu-west-3:euw3 il-central-1:ilc1 me-central-1:mec1"
        " me-south-1:mes1 mx-central-1:mxc1 sa-east-1:sae1 us-east-1:use1 us-east-2:use2"
        " us-west-1:usw1 us-west-2:usw2"
    ),
    "aws-cn": "cn-north-1:cnn1 cn-northwest-1:cnnw1",
    "aws-us-gov": "us-gov-east-1:usge1 us-gov-west-1:usgw1",
}


def _rows() -> dict[str, Region]:
    rows = {}
    for partition, pairs in _ZONE_ID_PREFIXES.items():
        for pair in pairs.split():
            name, prefix = pair.split(":")
            rows[name] = Region(name=name, partition=partition, zone_id_prefix=prefix)
    return rows


REGIONS: dict[str, Region] = _rows()
"""Every region an environment may name."""

ZONES_WITHOUT_EKS = frozenset({"cac1-az3", "use1-az3", "usw1-az2"})
"""Zones in which EKS makes no control plane.

Source: EKS user guide "network-reqs", from memory, 2026-11-23.
"""
