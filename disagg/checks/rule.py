"""What a rule is. A rule is one function; its docstring is what `disagg explain CODE` prints."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from disagg.errors import Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One place that breaks a rule."""

    at: tuple[str | int, ...]
    """Where: keys of the environment file, or `("Deployment pilot-serving/prefill", "spec", ...)`
    in an object."""
    got: str
    need: str
    fix: str
    beside: tuple[tuple[str | int, ...], ...] = ()
    """Other values of the file that are wrong together with it. Where files extend each other, the
    one that was said last is pointed at, and those in other files are named."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule with its code; calling `check` with what it asks for yields findings."""

    code: str
    severity: Severity
    check: Callable[..., Iterable[Finding]]

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the arguments: sections of the environment, or what a renderer gives."""
        return tuple(inspect.signature(self.check).parameters)

    @property
    def title(self) -> str:
        """First line of the docstring: what must be true."""
        return inspect.getdoc(self.check).split("\n", 1)[0]  # type: ignore[union-attr]

    @property
    def explanation(self) -> str:
        """The docstring without its first line: why, and where it is known from."""
        return inspect.getdoc(self.check).partition("\n")[2].strip()  # type: ignore[union-attr]


def rule(
    code: str, *, severity: Severity = Severity.ERROR
) -> Callable[[Callable[..., Iterable[Finding]]], Rule]:
    """Return a decorator that makes a rule of a function."""

    def make(check: Callable[..., Iterable[Finding]]) -> Rule:
        return Rule(code, severity, check)

    return make


def rules_of(*modules: ModuleType) -> tuple[Rule, ...]:
    """Return the rules of the modules, in code order."""
    found = [
        value for module in modules for value in vars(module).values() if isinstance(value, Rule)
    ]
    return tuple(sorted(found, key=lambda one: one.code))


def run(rules: Iterable[Rule], given: dict[str, Any]) -> Iterator[tuple[Rule, Finding]]:
    """Yield what each rule finds; a rule is passed over while something it needs is not given."""
    for one in rules:
        if all(name in given for name in one.needs):
            for finding in one.check(**{name: given[name] for name in one.needs}):
                yield one, finding
