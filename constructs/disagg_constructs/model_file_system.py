"""A file system that shows a bucket of models as files, to nodes of one zone."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_fsx as fsx
from constructs import Construct

from disagg.catalog.file_systems import (
    DEPLOYMENT_TYPE,
    LUSTRE_PORTS,
    LUSTRE_VERSION,
    SMALLEST_FILE_SYSTEM_GIB,
    STORAGE_TYPE,
)
from disagg_constructs.encryption import rotating_key

_TCP = "tcp"
_EVENTS = ["NEW", "CHANGED", "DELETED"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFileSystemProps:
    """Where the file system is, what it shows, and who mounts it."""

    vpc: ec2.IVpc
    """VPC of the nodes."""
    subnet: ec2.ISubnet
    """Its one subnet: that of the GPU nodes, so that reading crosses no zone."""
    client_security_group: ec2.ISecurityGroup
    """Group on the interfaces of every node that mounts it."""
    open_clients: bool = True
    """Whether `client_security_group` is given the rules that Lustre wants on clients. False for a
    group of others, which is not changed."""
    bucket_name: str
    """Bucket whose objects are shown as files."""
    prefix: str = "models"
    """What of the bucket is shown, as the directory of the same name."""
    capacity_gib: int = SMALLEST_FILE_SYSTEM_GIB
    """Size [GiB]: 1200, or a multiple of 2400."""
    throughput_mb_per_tib: int = 1000
    """What it reads for each TiB of its size [MB/s]: 125, 250, 500 or 1000."""
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY
    """What becomes of file system and key with the stack. Default: they go, since all that is in
    the file system is in the bucket."""


class ModelFileSystem(Construct):
    """FSx for Lustre in front of a bucket: new objects show as files, and nothing is written back.

    The contents of a file are fetched from the bucket when it is first read. Reached over TCP and
    not over EFA, whose packets file servers take from nodes with a client set up at boot.

    *Creates*: file system, data repository association, security group, KMS key.
    *Cost*: by the size and its throughput, day and night: 1,200 GiB at 1000 MB/s/TiB about 720 USD
    a month; 1 USD a month for the key.
    *Replaces on change of*: `subnet`, `client_security_group`, the key: a new file system, which
    fills itself from the bucket; `bucket_name`, `prefix`: the association only.

    Source: CloudFormation reference, AWS::FSx::FileSystem and AWS::FSx::DataRepositoryAssociation;
        FSx for Lustre user guide, limit-access-security-groups.
    """

    file_system: fsx.CfnFileSystem
    """The file system."""
    security_group: ec2.ISecurityGroup
    """Group of its file servers."""

    def __init__(self, scope: Construct, construct_id: str, *, props: ModelFileSystemProps) -> None:
        super().__init__(scope, construct_id)
        self._rules: list[cdk.CfnResource] = []
        self.security_group = self._group(props)
        key = rotating_key(
            self,
            "Key",
            description=f"File system of the models in {props.bucket_name}",
            removal_policy=props.removal_policy,
        )
        self.file_system = fsx.CfnFileSystem(
            self,
            "Resource",
            file_system_type="LUSTRE",
            file_system_type_version=LUSTRE_VERSION,
            storage_type=STORAGE_TYPE,
            storage_capacity=props.capacity_gib,
            subnet_ids=[props.subnet.subnet_id],
            security_group_ids=[self.security_group.security_group_id],
            kms_key_id=key.key_arn,
            lustre_configuration=fsx.CfnFileSystem.LustreConfigurationProperty(
                deployment_type=DEPLOYMENT_TYPE,
                per_unit_storage_throughput=props.throughput_mb_per_tib,
                # Why none: weights are as random as noise, and every byte is in the bucket.
                data_compression_type="NONE",
                automatic_backup_retention_days=0,
            ),
        )
        self.file_system.apply_removal_policy(props.removal_policy)
        # Why: FSx looks whether the group lets Lustre through before it makes anything.
        for rule in self._rules:
            self.file_system.node.add_dependency(rule)
        fsx.CfnDataRepositoryAssociation(
            self,
            "Models",
            file_system_id=self.file_system.ref,
            file_system_path=f"/{props.prefix}",
            data_repository_path=f"s3://{props.bucket_name}/{props.prefix}/",
            batch_import_meta_data_on_create=True,
            s3=fsx.CfnDataRepositoryAssociation.S3Property(
                auto_import_policy=fsx.CfnDataRepositoryAssociation.AutoImportPolicyProperty(
                    events=_EVENTS
                )
            ),
        )

    def _group(self, props: ModelFileSystemProps) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=props.vpc,
            description="Lustre between the file system of models and its nodes, nothing else",
            allow_all_outbound=False,
        )
        servers, clients = group.security_group_id, props.client_security_group.security_group_id
        for low, high in LUSTRE_PORTS:
            for name, peer in (("Servers", servers), ("Clients", clients)):
                self._ingress(f"From{name}{low}", servers, peer, (low, high))
                self._egress(f"To{name}{low}", servers, peer, (low, high))
            if props.open_clients:
                self._ingress(f"OnClients{low}", clients, servers, (low, high))
        return group

    def _ingress(self, name: str, group: str, peer: str, ports: tuple[int, int]) -> None:
        made = ec2.CfnSecurityGroupIngress(
            self,
            name,
            group_id=group,
            source_security_group_id=peer,
            ip_protocol=_TCP,
            from_port=ports[0],
            to_port=ports[1],
            description="Lustre",
        )
        self._rules.append(made)

    def _egress(self, name: str, group: str, peer: str, ports: tuple[int, int]) -> None:
        made = ec2.CfnSecurityGroupEgress(
            self,
            name,
            group_id=group,
            destination_security_group_id=peer,
            ip_protocol=_TCP,
            from_port=ports[0],
            to_port=ports[1],
            description="Lustre",
        )
        self._rules.append(made)
