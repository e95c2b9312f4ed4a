"""A document to typed sections, each parsed on its own: one mistake hides no other."""

import json
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from disagg.config.environment import Environment
from disagg.config.form import PATTERNS
from disagg.config.yaml_reader import Document, Loc
from disagg.errors import Problem

_YAML_1_1_BOOLEANS = {"on", "off", "yes", "no", "y", "n"}
_UNKNOWN = {"unexpected_keyword_argument", "extra_forbidden"}
_NEEDS = {
    "literal_error": "{expected}",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "greater_than": "more than {gt}",
    "less_than": "less than {lt}",
    "float_type": "a number",
    "multiple_of": "a multiple of {multiple_of}",
    "string_pattern_mismatch": "{words}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "string_too_long": "at most {max_length} characters",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dataclass_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "union_tag_invalid": "{expected_tags}",
    "dataclass_exact_type": "a mapping of keys",
}
"""What pydantic's kinds of error ask for, in the words of a user."""
_MISSING = {"missing", "missing_argument", "union_tag_not_found"}
_NO_MEMBER = {"union_tag_not_found", "union_tag_invalid"}


@dataclass(slots=True)
class Parsed:
    """The sections that are sound, and what is wrong with the rest."""

    sections: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def environment(self) -> Environment | None:
        """The whole environment, or None while any section is wrong or missing."""
        return None if self.problems else Environment(**self.sections)


@cache
def _hints(model: type) -> dict[str, Any]:
    return get_type_hints(model, include_extras=True)


@cache
def _adapter(root: type, section: str) -> TypeAdapter[Any]:
    return TypeAdapter(_hints(root)[section])


def parse(document: Document, root: Any = Environment) -> Parsed:
    """Return the typed sections of a document; problems carry line, path and what to do.

    Args:
        document: What was read.
        root: The dataclass that describes the whole file; each of its fields is a section.
    """
    parsed = Parsed(problems=list(document.problems))
    if document.data is None:
        return parsed
    if not isinstance(document.data, dict):
        got = f"got {_shown(document.data)}"
        need = "keys such as `name:` and `aws:`"
        parsed.problems.append(
            document.problem("DISAGG-TYPE-001", (), got=got, need=need, fix="see: disagg init")
        )
        return parsed
    known = root.__pydantic_fields__
    for key in document.data.keys() - known.keys():
        parsed.problems.append(_unknown(document, (key,), sorted(known)))
    for name, spec in known.items():
        if name in document.data:
            _section(document, root, name, parsed)
        elif spec.is_required():
            parsed.problems.append(_missing(document, root, (name,)))
        else:
            parsed.sections[name] = spec.get_default(call_default_factory=True)
    return parsed


def _section(document: Document, root: type, name: str, parsed: Parsed) -> None:
    data = document.data[name]
    try:
        parsed.sections[name] = _validate(root, name, data)
    except ValidationError as error:
        details = [_untagged(data, detail) for detail in error.errors(include_url=False)]
    else:
        return
    problems = [_problem(document, root, name, detail) for detail in details]
    parsed.problems += [problem for problem in problems if not _is_the_same_slip(problem, problems)]
    if all(detail["type"] in _UNKNOWN for detail in details):
        # Why: a key nobody reads changes nothing else, so the rules can still judge the rest of the
        # section.
        pruned = json.loads(json.dumps(data))
        for detail in details:
            _drop(pruned, detail["loc"])
        parsed.sections[name] = _validate(root, name, pruned)


def _untagged(data: Any, detail: Any) -> dict[str, Any]:
    """Return an error with its place in keys of the file: pydantic adds the member of a union.

    A member is told by `kind`; what it was is kept as `tag`.
    """
    at, kept, tag = data, [], None
    for part in detail["loc"]:
        if isinstance(at, dict) and part not in at and at.get("kind") == part:
            tag = part
            continue
        kept.append(part)
        at = at.get(part) if isinstance(at, dict) else at[part] if isinstance(part, int) else None
    if detail["type"] in _NO_MEMBER:
        kept.append("kind")
    return {**detail, "loc": tuple(kept), "tag": tag}


def _is_the_same_slip(problem: Problem, others: list[Problem]) -> bool:
    """Tell whether a key is only missing because another problem says it is misspelt."""
    parent, _, name = problem.path.rpartition(".")
    return problem.code == "DISAGG-KEY-002" and any(
        other.code == "DISAGG-KEY-001"
        and other.path.rpartition(".")[0] == parent
        and other.fix == f"did you mean {name!r}?"
        for other in others
    )


def _validate(root: type, name: str, data: Any) -> Any:
    # Why JSON: strict mode takes a list for a tuple and a mapping for a dataclass only from JSON.
    return _adapter(root, name).validate_json(json.dumps(data))


def _drop(data: Any, loc: Loc) -> None:
    *parents, last = loc
    for part in parents:
        data = data[part]
    del data[last]


def _problem(document: Document, root: type, section: str, detail: Any) -> Problem:
    loc: Loc = (section, *_known(document, (section,), detail["loc"]))
    if detail["type"] in _UNKNOWN:
        return _unknown(
            document,
            (section, *detail["loc"]),
            _siblings(root, (section, *detail["loc"][:-1]), detail["tag"]),
        )
    if detail["type"] in _MISSING:
        return _missing(document, root, (section, *detail["loc"]))
    value = detail["input"]
    if detail["type"] in _NO_MEMBER:
        value = value["kind"]
    got, need = f"got {_shown(value)}", _need(detail)
    fix = "correct the value"
    if detail["type"].startswith("bool") and str(detail["input"]).lower() in _YAML_1_1_BOOLEANS:
        fix = "write true or false"
    elif isinstance(value, float) and str(loc[-1]).endswith("_ms"):
        fix = f"write milliseconds: {value:g} s are {value * 1_000:,.0f}"
    elif detail["type"] == "string_type" and isinstance(detail["input"], int | float):
        fix = "put it in quotes"
    elif detail["type"] == "int_type" and str(detail["input"]).isdigit():
        fix = "remove the quotes"
    elif detail["type"] in {"literal_error", "union_tag_invalid"} and isinstance(value, str):
        near = get_close_matches(value, _choices(detail), n=1)
        fix = f"did you mean {near[0]!r}?" if near else fix
    return document.problem("DISAGG-TYPE-001", loc, got=got, need=need, fix=fix)


def _known(document: Document, base: Loc, loc: Loc) -> Loc:
    """Drop the parts of a pydantic location that are not keys of the file (union members)."""
    kept: Loc = ()
    for part in loc:
        if (*base, *kept, part) in document.values:
            kept = (*kept, part)
    return kept


def _unknown(document: Document, loc: Loc, siblings: list[str]) -> Problem:
    wanted = str(loc[-1]).lower().replace("-", "_")
    by_lower = {name.lower(): name for name in siblings}
    near = get_close_matches(wanted, by_lower, n=1)
    fix = f"did you mean {by_lower[near[0]]!r}?" if near else "remove it"
    need = f"one of {', '.join(siblings)}" if siblings else "no keys here"
    return document.problem("DISAGG-KEY-001", loc, got="unknown key", need=need, fix=fix, key=True)


def _missing(document: Document, root: type, loc: Loc) -> Problem:
    kinds = [get_args(_hints(model).get(str(loc[-1]))) for model in _at(root, loc[:-1])]
    named = [name for one in kinds for name in one if isinstance(name, str)]
    need = f"`{loc[-1]}:`" + (f", one of {', '.join(named)}" if named else "")
    example = _example(root, loc)
    fix = f"add it, for instance {loc[-1]}: {json.dumps(example)}" if example else f"add {loc[-1]}:"
    return document.problem(
        "DISAGG-KEY-002", loc, got="the key is missing", need=need, fix=fix, key=True
    )


def _models(annotation: Any) -> list[type]:
    """Return the dataclasses inside an annotation such as `Annotated[Pool | None, ...]`."""
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_fields__"):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _at(root: type, loc: Loc) -> list[type]:
    models: list[type] = [root]
    for part in loc:
        if isinstance(part, str):
            hints = [_hints(model)[part] for model in models if part in _hints(model)]
            models = [model for hint in hints for model in _models(hint)]
    return models


def _siblings(root: type, loc: Loc, tag: str | None) -> list[str]:
    """Return the keys beside one; of the union's member that `tag` names, where there is one."""
    found = [
        model
        for model in _at(root, loc)
        if tag is None or tag in get_args(_hints(model).get("kind"))
    ]
    return sorted({f.name for model in found for f in fields(model)})


def _example(root: type, loc: Loc) -> Any:
    """Return the first example of the key's definition, or None."""
    found: list[Any] = [
        vars(model)["__pydantic_fields__"].get(loc[-1]) for model in _at(root, loc[:-1])
    ]
    return next((one.examples[0] for one in found if one is not None and one.examples), None)


def _choices(detail: Any) -> list[str]:
    said = detail["ctx"].get("expected") or detail["ctx"]["expected_tags"]
    return [part.strip(" '") for part in said.replace(" or ", ", ").split(", ")]


def _need(detail: Any) -> str:
    words = _NEEDS.get(detail["type"])
    if words is None:
        return str(detail["msg"]).lower()
    context = dict(detail.get("ctx", {}))
    return words.format(words=PATTERNS.get(context.get("pattern", "")), **context)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004
