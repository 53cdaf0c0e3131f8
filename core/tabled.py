"""Records that show themselves: a few lines of text, and a table of HTML where a notebook asks for one.

Names may come from files of somebody else: text shows control characters as escapes, HTML is escaped by Jinja2.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from resonet.core.text import visible

__all__ = ["Table", "Tabled"]

MOST_ROWS = 40  # that are shown
HTML = """<div><p><b>{{ title }}</b></p><table><thead><tr>
{%- for name in columns %}<th>{{ name }}</th>{% endfor %}</tr></thead><tbody>
{%- for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor -%}
</tbody></table>{% for line in notes %}<p>{{ line }}</p>{% endfor %}</div>"""


@dataclass(frozen=True, slots=True)
class Table:
    """What is shown of a record."""

    title: str
    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()

    @property
    def shown(self) -> "Table":
        """With at most `MOST_ROWS` rows, and nothing in it that does more than be read."""
        rows = [[visible(cell) for cell in row] for row in self.rows[:MOST_ROWS]]
        more = [f"{len(self.rows) - MOST_ROWS:,} more rows"] if len(self.rows) > MOST_ROWS else []
        return Table(visible(self.title), self.columns, rows, [visible(line) for line in (*more, *self.notes)])

    def __str__(self) -> str:
        own = self.shown
        if not own.columns:
            return "\n".join([own.title, *own.notes])
        lines = [own.columns, *own.rows]
        widths = [max(len(line[n]) for line in lines) for n in range(len(own.columns))]
        cells = [
            [
                cell.rjust(width) if n else cell.ljust(width)
                for n, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            for line in lines
        ]
        return "\n".join([own.title, *("  ".join(line).rstrip() for line in cells), *own.notes])

    @property
    def html(self) -> str:
        """The same as HTML, escaped."""
        from jinja2 import Environment

        own = self.shown
        made = Environment(autoescape=True).from_string(HTML)
        return made.render(title=own.title, columns=own.columns, rows=own.rows, notes=own.notes)


class Tabled(ABC):
    """A record that is shown as its `table`."""

    __slots__ = ()

    @property
    @abstractmethod
    def table(self) -> Table:
        """What is shown."""

    def __repr__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table.html
