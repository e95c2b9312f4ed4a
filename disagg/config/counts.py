"""Whole numbers that files name: of nodes, of pods, of GPUs of an engine."""

from typing import Annotated, Literal

from pydantic import Field

LARGEST_COUNT = 10_000
"""Most nodes of a group, and most pods of a role."""
Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
CountOrNone = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
TensorParallel = Literal[1, 2, 4, 8]
