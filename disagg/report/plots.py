"""Plots as SVG and PNG: one inline SVG follows light and dark pages; same bytes on every run.

Needs the extra `report`; imported inside the verbs.
"""

import io
import re
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from disagg.report.structure import Plot

INK, GRID = "#010101", "#020202"
SERIES = ("#030301", "#030302", "#030303", "#030304")
CSS = {
    INK: "var(--ink)",
    GRID: "var(--grid)",
    **{colour: f"var(--s{number})" for number, colour in enumerate(SERIES, 1)},
}
LIGHT = {
    INK: "#1f2328",
    GRID: "#d0d7de",
    SERIES[0]: "#0969da",
    SERIES[1]: "#bc4c00",
    SERIES[2]: "#1a7f37",
    SERIES[3]: "#8250df",
}
"""Colours of a file of its own. Sentinels are drawn and then replaced, so that one drawing serves
both."""
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "disagg",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_STYLES = ("-", "--", "-.", ":")


def _figure(plot: Plot, colours: dict[str, str]) -> Figure:
    settings = {
        key: colours.get(value, value) if isinstance(value, str) else value
        for key, value in _SETTINGS.items()
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        axes = figure.add_subplot()
        for number, one in enumerate(plot.series):
            axes.plot(
                one.x,
                one.y,
                marker="o",
                markersize=3,
                # Why: the kind of line tells series apart where colours cannot: in print, to the
                # colour-blind.
                linestyle=_STYLES[number % len(_STYLES)],
                color=colours.get(SERIES[number % len(SERIES)], SERIES[number % len(SERIES)]),
                label=one.name,
            )
        if plot.mark_x is not None:
            colour = colours.get(INK, INK)
            axes.axvline(plot.mark_x, color=colour, linewidth=0.8, linestyle=":")
            axes.annotate(
                plot.mark_label,
                (plot.mark_x, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(4, -10),
                textcoords="offset points",
                fontsize=8,
                color=colour,
            )
        axes.set_title(plot.title, loc="left", fontsize=10)
        axes.set(xlabel=plot.x_label, ylabel=plot.y_label)
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.legend()
    return figure


def svg(plot: Plot, *, of_page: bool) -> str:
    """Return a plot as SVG.

    Args:
        plot: What is drawn.
        of_page: Whether it stands in a page that gives the colours; else it is a file of its own,
            on white.
    """
    figure = _figure(plot, {})
    figure.patch.set_visible(not of_page)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    buffer = io.StringIO()
    with mpl.rc_context(_SETTINGS):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    colours = CSS if of_page else LIGHT
    text = re.sub("|".join(colours), lambda match: colours[match[0]], buffer.getvalue())
    text = text[text.index("<svg") :] if of_page else text
    title = f'role="img"><title>{_escaped(plot.title)}</title>'
    return re.sub(r"(<svg[^>]*)>", lambda match: f"{match[1]} {title}", text, count=1)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def png(plot: Plot) -> bytes:
    """Return a plot as PNG, on white."""
    figure = _figure(plot, LIGHT)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()
