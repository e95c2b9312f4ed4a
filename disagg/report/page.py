"""A report as one HTML file: nothing is loaded, light and dark, printable.

Needs the extra `report`; imported inside the verbs.
"""

from jinja2 import Environment, StrictUndefined

from disagg.report.plots import svg
from disagg.report.structure import Report

_STYLE = """
:root{color-scheme:light dark;--ink:#1f2328;--faint:#59636e;--grid:#d0d7de;--paper:#fff;
--panel:#f6f8fa;--s1:#0969da;--s2:#bc4c00;--s3:#1a7f37;--s4:#8250df}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--faint:#9198a1;--grid:#3d444d;
--paper:#0d1117;--panel:#151b23;--s1:#58a6ff;--s2:#f0883e;--s3:#56d364;--s4:#bc8cff}}
@media print{:root{--ink:#000;--faint:#333;--grid:#bbb;--paper:#fff;--panel:#fff;--s1:#0969da;
--s2:#bc4c00;--s3:#1a7f37;--s4:#8250df}section{break-inside:avoid}}
body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;margin:0 auto;
max-width:68rem;padding:1.5rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}
.headline{font-size:1.15rem;background:var(--panel);border:1px solid var(--grid);
border-radius:6px;padding:.7rem 1rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;min-width:100%}
th,td{border-bottom:1px solid var(--grid);padding:.3rem .6rem;text-align:right;vertical-align:top;
font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}
td.long,.text td{text-align:left}.text th{text-align:left}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.3rem 1.5rem}
dl div{border-bottom:1px solid var(--grid)}dt{color:var(--faint);font-size:.8rem}dd{margin:0}
.note,footer{color:var(--faint);font-size:.85rem}svg{max-width:100%;height:auto}
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{{ report.title }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
<h1>{{ report.title }}</h1>
<p class="headline">{{ report.headline }}</p>
{% if report.question %}<dl>{% for name, value in report.question %}<div><dt>{{ name }}</dt>
<dd>{{ value }}</dd></div>{% endfor %}</dl>{% endif %}
{% for line in report.lines %}<p>{{ line }}</p>
{% endfor %}
{% for title, drawing, note in drawings %}<section><h2>{{ title }}</h2>
{{ drawing | safe }}
{% if note %}<p class="note">{{ note }}</p>{% endif %}</section>
{% endfor %}
{% for table in report.tables %}<section><h2>{{ table.title }}</h2>
<div class="wide"><table><thead><tr>{% for name in table.columns %}<th scope="col">{{ name }}</th>
{% endfor %}</tr></thead><tbody>
{% for row in table.rows %}<tr>{% for cell in row %}<td{% if cell|length > 40 %} class="long"
{% endif %}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% if table.note %}<p class="note">{{ table.note }}</p>{% endif %}</section>
{% endfor %}
{% if report.notes %}<section><h2>Before you act</h2><ul>
{% for note in report.notes %}<li>{{ note }}</li>
{% endfor %}</ul></section>{% endif %}
<section><h2>Where every figure comes from</h2>
<div class="wide"><table class="text"><thead><tr><th scope="col">figure</th><th scope="col">value
</th><th scope="col">kind</th><th scope="col">source</th>
<th scope="col">date</th></tr></thead><tbody>
{% for one in report.origins %}<tr><td>{{ one.figure }}</td><td>{{ one.value }}</td>
<td>{{ one.kind }}</td><td>{{ one.source }}</td><td>{{ one.date }}</td></tr>
{% endfor %}</tbody></table></div></section>
<footer><p>Written by disagg {{ version }}. Predictions, not measurements, unless a line says
measured; nothing in it was measured by the machine that wrote it.</p></footer>
</body>
</html>
"""


def html(report: Report, version: str) -> str:
    """Return a report as one self-contained page; the same report gives the same bytes."""
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(_PAGE)
    # Why `safe` in the page: our own style sheet and drawings; every text of a user is escaped.
    drawings = [(plot.title, svg(plot, of_page=True), plot.note) for plot in report.plots]
    return template.render(
        report=report,
        drawings=drawings,
        style=_STYLE,
        version=version,
    )
