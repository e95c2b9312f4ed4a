"""The price file: the one bundled with the catalogue, or one given in its place."""

import json
from datetime import date
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from disagg.catalog.prices import Offer, Price, Prices
from disagg.catalog.source import Kind, Source
from disagg.config.form import STRICT
from disagg.config.parse import parse
from disagg.config.yaml_reader import Document, Loc, read
from disagg.errors import InvalidInputError, Problem

PRICE_CODES: dict[str, tuple[str, str]] = {
    "DISAGG-PRC-001": (
        "Two prices for the same thing.",
        "An item has one price for each offer and region; which of two would count is not defined.",
    ),
    "DISAGG-PRC-002": (
        "A price names a source that the file does not have.",
        "Every price says where it was read and when: `source` names a key of `sources`.",
    ),
    "DISAGG-PRC-003": (
        "A source has no date.",
        "The age of a price decides whether it may be used: `date` is a day, YYYY-MM-DD.",
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class PriceSource:
    """Where prices were read, and when."""

    kind: Literal["measured", "published", "derived", "assumed"]
    """What the figures are."""
    date: Annotated[str, Field(examples=["2026-11-23"])]
    """Day on which they were read or are known to hold, YYYY-MM-DD, quoted."""
    reference: str
    """The page, file or call."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class PriceRow:
    """One price."""

    item: Annotated[str, Field(examples=["p6-b200.48xlarge"])]
    """Instance type, or the name of a service."""
    offer: Literal["on_demand", "hyperpod", "service"]
    """How it is paid."""
    region: Annotated[str, Field(examples=["us-east-1"])]
    """AWS region."""
    usd_per_hour: Annotated[float, Field(gt=0, examples=[113.9328])]
    """Price of one [USD/h]."""
    source: Annotated[str, Field(examples=["ec2"])]
    """A key of `sources`."""


@dataclass(frozen=True, kw_only=True, slots=True, config=STRICT)
class PriceFile:
    """A file of prices."""

    apiVersion: Literal["disagg/v1"]  # noqa: N815  Why: the key of the file, as in environments.
    kind: Literal["Prices"]
    sources: dict[str, PriceSource]
    prices: Annotated[tuple[PriceRow, ...], Field(min_length=1)]


def load_prices(path: Path) -> Prices:
    """Return the prices of a file.

    Raises:
        InvalidInputError: Every problem of the file, in the order of its lines.
    """
    return _prices(read(path))


@cache
def bundled_prices() -> Prices:
    """Return the prices of the catalogue."""
    with as_file(files("disagg.catalog") / "prices.yaml") as path:
        found = load_prices(path)
    return Prices(file="disagg/catalog/prices.yaml", rows=found.rows)


def _prices(document: Document) -> Prices:
    parsed = parse(document, PriceFile)
    problems = list(parsed.problems)
    sources: dict[str, PriceSource] = parsed.sections.get("sources", {})
    rows: tuple[PriceRow, ...] = parsed.sections.get("prices", ())
    problems += _dates(document, sources)
    if "sources" in parsed.sections:
        problems += _sources(document, rows, sources)
    problems += _twice(document, rows)
    if problems:
        raise InvalidInputError(problems)
    return Prices(file=document.file, rows=tuple(_price(row, sources) for row in rows))


def _price(row: PriceRow, sources: dict[str, PriceSource]) -> Price:
    where = sources[row.source]
    return Price(
        item=row.item,
        offer=Offer(row.offer),
        region=row.region,
        usd_per_hour=row.usd_per_hour,
        source=Source(kind=Kind(where.kind), reference=where.reference, date=where.date),
    )


def _dates(document: Document, sources: dict[str, PriceSource]) -> list[Problem]:
    problems = []
    for name, source in sources.items():
        try:
            date.fromisoformat(source.date)
        except ValueError:
            problems.append(
                document.problem(
                    "DISAGG-PRC-003",
                    ("sources", name, "date"),
                    got=f"got {source.date!r}",
                    need="a day, YYYY-MM-DD",
                    fix='write it as "2026-11-23"',
                )
            )
    return problems


def _sources(
    document: Document, rows: tuple[PriceRow, ...], sources: dict[str, PriceSource]
) -> list[Problem]:
    return [
        document.problem(
            "DISAGG-PRC-002",
            ("prices", number, "source"),
            got=f"unknown source {row.source!r}",
            need=f"one of {', '.join(sources) or 'sources (there are none)'}",
            fix=f"add sources.{row.source}, or name one that is there",
        )
        for number, row in enumerate(rows)
        if row.source not in sources
    ]


def _twice(document: Document, rows: tuple[PriceRow, ...]) -> list[Problem]:
    seen: dict[tuple[str, ...], int] = {}
    problems = []
    for number, row in enumerate(rows):
        key = (row.item, row.offer, row.region)
        if key in seen:
            at: Loc = ("prices", number)
            first = document.position(("prices", seen[key]))[0]
            problems.append(
                document.problem(
                    "DISAGG-PRC-001",
                    at,
                    got=f"{' '.join(key)} again, first at line {first}",
                    need="one price for each item, offer and region",
                    fix="remove one of them",
                )
            )
        seen.setdefault(key, number)
    return problems


def dump_prices(prices: Prices) -> str:
    """Return the text of a price file that `load_prices` reads back as the same rows."""
    names: dict[Source, str] = {}
    for row in prices.rows:
        names.setdefault(row.source, f"source_{len(names) + 1}")
    lines = ["apiVersion: disagg/v1", "kind: Prices", "", "sources:"]
    for source, name in names.items():
        lines += [
            f"  {name}:",
            f"    kind: {source.kind}",
            f'    date: "{source.date}"',
            f"    reference: {json.dumps(source.reference, ensure_ascii=False)}",
        ]
    lines += ["", "prices:"]
    for row in prices.rows:
        lines.append(
            f"  - {{item: {row.item}, offer: {row.offer}, region: {row.region},"
            f" usd_per_hour: {row.usd_per_hour!r}, source: {names[row.source]}}}"
        )
    return "\n".join(lines) + "\n"
