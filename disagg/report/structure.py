"""An answer as a page: headline, lines, tables, plots, and where every figure comes from."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of text; the first column is left-aligned, the rest right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One line of a plot."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """A plot of lines."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    note: str = ""
    mark_x: float | None = None
    """Where a promise lies; None where there is none."""
    mark_label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a figure comes from."""

    figure: str
    value: str
    kind: str
    """`measured`, `published`, `derived` or `assumed`."""
    source: str
    date: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything a person reads."""

    title: str
    headline: str
    question: tuple[tuple[str, str], ...] = ()
    """What was asked, on pages: a page is read without its file beside it."""
    lines: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    origins: tuple[Origin, ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)
    """What a reader must know before acting."""
