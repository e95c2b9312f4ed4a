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
RESERVATION = r"^cr-[0-9a-f]{8,17}$"
RESOURCE_GROUP = r"^arn:aws[a-z-]*:resource-groups:[a-z0-9-]+:[0-9]{12}:group/.+$"
TRAINING_PLAN = r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:training-plan/.+$"
UTC_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
PATTERNS = {
    RESERVATION: "the id of a capacity reservation, cr- and 8 to 17 hexadecimal digits",
    RESOURCE_GROUP: "the ARN of a resource group",
    TRAINING_PLAN: "the ARN of a SageMaker training plan",
    UTC_TIME: "a time in UTC such as 2027-03-01T11:30:00Z",
    ACCOUNT: "twelve digits",
    NAME: "1 to 30 of a-z, 0-9 and -, a letter first and no - last",
}
"""Patterns of text keys, in words."""
