"""What can be wrong, and how it is said: every problem at once (design law 4)."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes of every verb (design law 5)."""

    DONE = 0
    FAILED = 1
    FOUND = 2
    USAGE = 64
    INTERRUPTED = 130


class Severity(StrEnum):
    """How bad a problem is: errors stop, warnings are shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong, where it is, and what to do about it."""

    code: str
    """`DISAGG-<AREA>-<NNN>`; `disagg explain CODE` tells more."""
    path: str
    """Dotted path in the file or object, empty for the whole of it."""
    got: str
    need: str
    fix: str
    file: str = ""
    line: int = 0
    """1-based; 0 when the problem has no line."""
    column: int = 0
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """Return the two lines a person reads."""
        place = self.file + (f":{self.line}" if self.line else "")
        where = " ".join(part for part in (place, self.path) if part)
        level = "warning: " if self.severity is Severity.WARNING else ""
        return f"{where}: {level}{self.got}; need {self.need}\n  -> {self.fix}   [{self.code}]"

    def to_json(self) -> dict[str, Any]:
        """Return the problem as plain data for `-o json`."""
        return asdict(self)


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems as a reader meets them in the file."""
    return sorted(problems, key=lambda p: (p.file, p.line, p.column, p.severity, p.code, p.path))


class DisaggError(Exception):
    """Base of every error a user can cause or meet; it never shows a traceback."""

    exit_code = Exit.FAILED


class InvalidInputError(DisaggError):
    """A file is wrong: carries every problem found in it, and exits 64."""

    exit_code = Exit.USAGE

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = in_file_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def refusal(
    code: str, *, file: str, got: str, need: str, fix: str, path: str = ""
) -> InvalidInputError:
    """Return the error of one problem that has no line: an option, or a file as a whole."""
    return InvalidInputError(
        [Problem(code=code, file=file, path=path, got=got, need=need, fix=fix)]
    )


class CheckFailedError(DisaggError):
    """Something rendered breaks a rule or an engine refused it: exits 2."""

    exit_code = Exit.FOUND

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = in_file_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class MissingToolError(DisaggError):
    """A program or an extra of the installation is needed and not there."""
