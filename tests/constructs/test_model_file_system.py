"""A file system in a stack of others: who reaches it, what it shows, what goes with it."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from disagg_constructs import ModelFileSystem, ModelFileSystemProps, ModelStore, ModelStoreProps
from tests.stacks.synthesis import Template, of_type, only, template_of

NODES = "sg-0123456789abcdef0"


def made(**more: Any) -> Template:
    stack = cdk.Stack(cdk.App(), "Theirs")
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-west-2a"]
    )
    subnet = ec2.Subnet.from_subnet_attributes(stack, "Subnet", subnet_id="subnet-1")
    nodes = ec2.SecurityGroup.from_security_group_id(stack, "Nodes", NODES)
    ModelFileSystem(
        stack,
        "Models",
        props=ModelFileSystemProps(
            vpc=vpc,
            subnet=subnet,
            client_security_group=nodes,
            bucket_name="models-of-ours",
            **more,
        ),
    )
    return template_of(stack)


def rules(template: Template, direction: str) -> set[tuple[str, str, int, int]]:
    """Return group, peer and ports of each rule; a group of the template by `ours`."""
    peer = "Source" if direction == "Ingress" else "Destination"
    return {
        (
            NODES if one["GroupId"] == NODES else "ours",
            NODES if one[f"{peer}SecurityGroupId"] == NODES else "ours",
            one["FromPort"],
            one["ToPort"],
        )
        for one in of_type(template, f"AWS::EC2::SecurityGroup{direction}").values()
    }


# Oracle: FSx for Lustre user guide, rules of file servers and of clients.
PORTS = ((988, 988), (1018, 1023))
BETWEEN = {("ours", peer, *ports) for peer in ("ours", NODES) for ports in PORTS}
ON_NODES = {(NODES, "ours", *ports) for ports in PORTS}


def test_servers_and_nodes_reach_each_other_on_the_ports_of_lustre_and_nobody_else_does() -> None:
    template = made()
    assert rules(template, "Ingress") == BETWEEN | ON_NODES
    assert rules(template, "Egress") == BETWEEN
    assert "CidrIp" not in str(of_type(template, "AWS::EC2::SecurityGroupIngress"))


def test_a_group_of_others_is_not_changed() -> None:
    assert rules(made(open_clients=False), "Ingress") == BETWEEN


def test_it_waits_for_the_rules_that_fsx_looks_for() -> None:
    template = made()
    (body,) = [
        one for one in template["Resources"].values() if one["Type"] == "AWS::FSx::FileSystem"
    ]
    groups = ("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
    every = [name for kind in groups for name in of_type(template, kind)]
    assert set(every) <= set(body["DependsOn"])


def test_new_objects_show_as_files_and_nothing_goes_back() -> None:
    link = only(made(prefix="llm/eu"), "AWS::FSx::DataRepositoryAssociation")
    assert link["FileSystemPath"] == "/llm/eu"
    assert link["DataRepositoryPath"] == "s3://models-of-ours/llm/eu/"
    assert link["S3"] == {"AutoImportPolicy": {"Events": ["NEW", "CHANGED", "DELETED"]}}
    assert link["BatchImportMetaDataOnCreate"] is True


def test_it_goes_with_its_stack_and_so_does_its_key() -> None:
    bodies = made()["Resources"].values()
    found = {
        one["Type"]: one["DeletionPolicy"]
        for one in bodies
        if one["Type"].endswith(("System", "Key"))
    }
    assert found == {"AWS::FSx::FileSystem": "Delete", "AWS::KMS::Key": "Delete"}
    kept = made(removal_policy=cdk.RemovalPolicy.RETAIN)["Resources"].values()
    assert {"Retain"} == {
        one["DeletionPolicy"] for one in kept if one["Type"] == "AWS::FSx::FileSystem"
    }


def store(**more: Any) -> list[dict[str, Any]]:
    stack = cdk.Stack(cdk.App(), "Theirs")
    ModelStore(stack, "Store", props=ModelStoreProps(bucket_name="models-of-ours", **more))
    statements: list[dict[str, Any]] = only(template_of(stack), "AWS::KMS::Key")["KeyPolicy"][
        "Statement"
    ]
    return statements


def test_the_key_of_a_bucket_is_lent_to_fsx_through_s3_and_for_that_bucket_only() -> None:
    # Oracle: FSx for Lustre user guide, server-side encrypted buckets; a bucket key's context is
    # the bucket.
    assert len(store()) == 1
    _, lent = store(file_systems=True)
    assert lent["Condition"]["StringLike"]["aws:userid"] == "*:FSx"
    assert "kms:ViaService" in lent["Condition"]["StringEquals"]
    assert "kms:CallerAccount" in lent["Condition"]["StringEquals"]
    contexts = lent["Condition"]["StringLike"]["kms:EncryptionContext:aws:s3:arn"]
    assert [str(one).rpartition(":::")[2].rstrip("'}])") for one in contexts] == [
        "models-of-ours",
        "models-of-ours/*",
    ]
