"""What the sections of a file are made of: strictness, counts, and patterns in words."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

STRICT = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)
"""How every section is parsed: exact types, no unknown key, help texts from docstrings."""

LARGEST_COUNT = 10_000
"""Most nodes of a group, and most pods of a role."""
Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
CountOrNone = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
TensorParallel = Literal[1, 2, 4, 8]

ACCOUNT = r"^[0-9]{12}$"
NAME = r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$"
PREFIX = r"^[A-Za-z][A-Za-z0-9]{0,19}$"
QUALIFIER = r"^[a-z0-9][a-z0-9-]{0,9}$"
VPC_ID = r"^vpc-[0-9a-f]{8,17}$"
SUBNET_ID = r"^subnet-[0-9a-f]{8,17}$"
GROUP_ID = r"^sg-[0-9a-f]{8,17}$"
CLUSTER_NAME = r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$"
ADD_ON_VERSION = r"^v[0-9]+[.][0-9]+[.][0-9]+(-eksbuild[.][0-9]+)?$"
RESERVATION = r"^cr-[0-9a-f]{8,17}$"
_GROUP_NAME = r"[A-Za-z0-9_.-]{1,150}(/[a-z0-9]{26})?"
RESOURCE_GROUP = rf"^arn:aws[a-z-]*:resource-groups:[a-z0-9-]+:[0-9]{{12}}:group/{_GROUP_NAME}$"
_PLAN_NAME = r"[A-Za-z0-9](-*[A-Za-z0-9]){0,63}"
TRAINING_PLAN = rf"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{{12}}:training-plan/{_PLAN_NAME}$"
HEADER = r"^[a-z0-9]+(-[a-z0-9]+)*$"
EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
UTC_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
GIT_URL = r"^(https|ssh)://[A-Za-z0-9._~%@:-]+(/[^\s?#]*)?$"
GIT_REVISION = r"^[^\s~^:?*\[\\]{1,200}$"
IDENTITY_CENTER = r"^arn:aws[a-z-]*:sso:::instance/(sso)?ins-[a-zA-Z0-9-.]{16}$"
IDENTITY = r"^([0-9a-f]{10}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
VPC_ENDPOINT = r"^vpce-[0-9a-f]{8,17}$"
REVISION = r"^[0-9a-f]{40}$"
BUCKET = r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
KEY_PREFIX = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"
KEY_ARN = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"
CERTIFICATE_ARN = r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$"
FILE_SYSTEM = r"^fs-[0-9a-f]{8,17}$"
MOUNT_NAME = r"^[A-Za-z0-9_-]{1,8}$"
ROLE_ARN = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$"
REGISTRY = r"^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*$"
REPOSITORY_PREFIX = r"^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$"
SECRET_ARN = (
    r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}$"  # noqa: S105  Why: a pattern, no secret.
)
SECRET_NAME = r"^[A-Za-z0-9/_+=.@-]{1,512}$"  # noqa: S105  Why: a pattern, no secret.
PATTERNS = {
    GIT_URL: "an https:// or ssh:// URL without ? and #, such as ssh://git@host/repository.git",
    GIT_REVISION: "a branch, tag or commit",
    IDENTITY_CENTER: "the ARN of an instance of IAM Identity Center, arn:aws:sso:::instance/ssoins-"
    " and 16 letters and digits",
    IDENTITY: "the id of a group or user of IAM Identity Center, not its name",
    VPC_ENDPOINT: "the id of a VPC endpoint, vpce- and 8 to 17 hexadecimal digits",
    GROUP_ID: "the id of a security group, sg- and 8 to 17 hexadecimal digits",
    CLUSTER_NAME: "the name of an EKS cluster: 1 to 100 letters, digits, - and _",
    ADD_ON_VERSION: "the version of an add-on such as v1.21.1-eksbuild.1",
    VPC_ID: "the id of a VPC, vpc- and 8 to 17 hexadecimal digits",
    SUBNET_ID: "the id of a subnet, subnet- and 8 to 17 hexadecimal digits",
    PREFIX: "1 to 20 letters and digits, a letter first",
    QUALIFIER: "1 to 10 of a-z, 0-9 and -, no - first",
    REVISION: "a commit of the model on Hugging Face, 40 hexadecimal digits",
    BUCKET: "the name of a bucket, 3 to 63 of a-z, 0-9 and -, without dots, which break its TLS",
    KEY_PREFIX: "a path of a-z, A-Z, 0-9, _ and - with / between, and none at its ends",
    KEY_ARN: "the ARN of a KMS key, not of an alias",
    CERTIFICATE_ARN: "the ARN of a certificate in ACM",
    FILE_SYSTEM: "the id of an FSx file system, fs- and 8 to 17 hexadecimal digits",
    MOUNT_NAME: "the mount name that FSx gave, 1 to 8 letters, digits, _ and -",
    ROLE_ARN: "the ARN of an IAM role",
    REGISTRY: "a registry without https://, such as registry.example.com/mirror",
    REPOSITORY_PREFIX: "a-z and 0-9 with single . _ - or / between",
    SECRET_ARN: "the ARN of a secret in Secrets Manager",
    SECRET_NAME: "the name of a secret, not its ARN",
    RESERVATION: "the id of a capacity reservation, cr- and 8 to 17 hexadecimal digits",
    RESOURCE_GROUP: "the ARN of a resource group",
    TRAINING_PLAN: "the ARN of a SageMaker training plan",
    HEADER: "the name of an HTTP header in lower case, such as x-session-id",
    EMAIL: "an e-mail address",
    UTC_TIME: "a time in UTC such as 2027-03-01T11:30:00Z",
    ACCOUNT: "twelve digits",
    NAME: "1 to 30 of a-z, 0-9 and -, a letter first and no - last",
}
"""Patterns of text keys, in words."""
