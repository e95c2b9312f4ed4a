"""FSx for Lustre: moto keeps file systems but takes none from a template, and no associations."""

import json
from typing import Any

from moto.fsx.models import fsx_backends
from moto.fsx.responses import FSxResponse
from moto.s3.models import s3_backends

from disagg.local.aws.cloudformation import Call, Created, Properties, ResourceType
from disagg.local.aws.ec2 import backend as ec2_backend

_ASSOCIATIONS = "disagg_associations"
_LNET = 988
_SIZES = (1_200, 2_400)
_THROUGHPUTS = (125, 250, 500, 1_000)
"""Of PERSISTENT_2 on SSD. Source: FSx API reference, CreateFileSystem."""
_MOUNT_NAME_LENGTH = 8


def _backend(call: Call) -> Any:
    return fsx_backends[call.account][call.region]


def associations(backend: Any) -> dict[str, dict[str, Any]]:
    """Return the data repository associations of moto's FSx, by id."""
    found: dict[str, dict[str, Any]] = backend.__dict__.setdefault(_ASSOCIATIONS, {})
    return found


def _make_file_system(call: Call) -> Created:
    given = call.properties
    _refuse(call)
    backend = _backend(call)
    made = backend.create_file_system(
        client_request_token=call.name,
        file_system_type=given["FileSystemType"],
        storage_capacity=int(given["StorageCapacity"]),
        storage_type=given["StorageType"],
        subnet_ids=given["SubnetIds"],
        security_group_ids=given["SecurityGroupIds"],
        tags=None,
        kms_key_id=given.get("KmsKeyId"),
        windows_configuration=None,
        lustre_configuration=_lustre(call),
        ontap_configuration=None,
        file_system_type_version=given.get("FileSystemTypeVersion"),
        open_zfs_configuration=None,
    )
    del backend.file_systems[made.file_system_id]
    # Why: moto's id differs from one time to the next.
    made.file_system_id = call.identifier("fs")
    made.dns_name = f"{made.file_system_id}.fsx.{call.region}.amazonaws.com"
    made.resource_arn = call.arn("fsx", f"file-system/{made.file_system_id}")
    backend.file_systems[made.file_system_id] = made
    _describe_interface(made, _interface(call, made.file_system_id))
    backend.tagger.tag_resource(made.resource_arn, given.get("Tags", []))
    return _created(made)


def _interface(call: Call, file_system_id: str) -> str:
    """Return a network interface of the file servers: their groups are found by it alone."""
    ec2, given = ec2_backend(call), call.properties
    subnet = ec2.get_subnet(given["SubnetIds"][0])
    made = ec2.create_network_interface(
        subnet, None, group_ids=given["SecurityGroupIds"], description=_about(file_system_id)
    )
    return str(made.id)


def _about(file_system_id: str) -> str:
    return f"Created by Amazon FSx for file system {file_system_id}"


def _describe_interface(made: Any, interface: str) -> None:
    """Let a file system tell of its interface, as AWS does and moto does not."""
    plain = made.to_dict
    made.to_dict = lambda: {**plain(), "NetworkInterfaceIds": [interface]}


def _lustre(call: Call) -> dict[str, Any]:
    mount_name = call.identifier("fs", "mount").removeprefix("fs-")[:_MOUNT_NAME_LENGTH]
    return {**call.properties["LustreConfiguration"], "MountName": mount_name}


def _change_file_system(call: Call) -> Created:
    """Change size and throughput, which AWS changes in place too."""
    _refuse(call)
    made = _backend(call).file_systems[call.identifier("fs")]
    made.storage_capacity = int(call.properties["StorageCapacity"])
    made.lustre_configuration = _lustre(call)
    return _created(made)


def _created(made: Any) -> Created:
    return Created(
        physical_id=made.file_system_id,
        attributes={
            "DNSName": made.dns_name,
            "LustreMountName": made.lustre_configuration["MountName"],
            "ResourceARN": made.resource_arn,
        },
    )


def _refuse(call: Call) -> None:
    """Refuse what FSx refuses: sizes it does not make, and groups that shut Lustre out."""
    given = call.properties
    size = int(given["StorageCapacity"])
    speed = given["LustreConfiguration"]["PerUnitStorageThroughput"]
    if size not in _SIZES and size % _SIZES[-1]:
        raise ValueError(f"StorageCapacity {size} is neither 1200 nor a multiple of 2400")
    if int(speed) not in _THROUGHPUTS:
        raise ValueError(f"PerUnitStorageThroughput {speed} is none of {_THROUGHPUTS}")
    if len(given["SubnetIds"]) != 1:
        raise ValueError("a Lustre file system is in one subnet")
    ec2 = ec2_backend(call)
    groups = [ec2.get_security_group_from_id(one) for one in given["SecurityGroupIds"]]
    if not any(_admits_itself(group) for group in groups):
        raise ValueError(
            "the security groups do not permit Lustre LNET network traffic on port 988"
        )


def _admits_itself(group: Any) -> bool:
    return any(
        int(rule.from_port or 0) <= _LNET <= int(rule.to_port or 0)
        and group.id == rule.source_group.get("GroupId")
        for rule in group.ingress_rules
    )


def _drop_file_system(call: Call) -> None:
    ec2, gone = ec2_backend(call), call.identifier("fs")
    _backend(call).file_systems.pop(gone, None)
    for one in [one for one in ec2.enis.values() if one.description == _about(gone)]:
        del ec2.enis[one.id]


def _link(call: Call) -> Created:
    backend, given = _backend(call), call.properties
    if given["FileSystemId"] not in backend.file_systems:
        raise ValueError(f"no file system {given['FileSystemId']}")
    bucket = given["DataRepositoryPath"].removeprefix("s3://").partition("/")[0]
    s3_backends[call.account]["aws"].get_bucket(bucket)
    identifier = call.identifier("dra")
    associations(backend)[identifier] = {
        "AssociationId": identifier,
        "ResourceARN": call.arn("fsx", f"association/{given['FileSystemId']}/{identifier}"),
        "Lifecycle": "AVAILABLE",
        **_fields(given),
    }
    return Created(physical_id=identifier, attributes={"AssociationId": identifier})


def _fields(given: Properties) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "Tags"}


def _unlink(call: Call) -> None:
    associations(_backend(call)).pop(call.identifier("dra"), None)


TYPES = (
    ResourceType(
        name="AWS::FSx::FileSystem",
        attributes=("DNSName", "LustreMountName", "ResourceARN"),
        create=_make_file_system,
        update=_change_file_system,
        delete=_drop_file_system,
    ),
    ResourceType(
        name="AWS::FSx::DataRepositoryAssociation",
        attributes=("AssociationId",),
        create=_link,
        delete=_unlink,
    ),
)


def _describe_data_repository_associations(response: Any) -> str:
    return json.dumps({"Associations": list(associations(response.fsx_backend).values())})


def add_operations() -> None:
    """Teach moto's FSx the call that describes associations; again is harmless."""
    name = _describe_data_repository_associations.__name__.removeprefix("_")
    setattr(FSxResponse, name, _describe_data_repository_associations)
