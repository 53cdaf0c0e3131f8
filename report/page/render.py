"""The page as one HTML file: templates, style, script and plotly in it, nothing asked of any network.

Names may come from somebody else. In HTML they are escaped by Jinja; data for the script stand in elements of JSON, in
which `<`, `>` and `&` are written as escapes, so that nothing ends the element; and a policy of content security lets
the page load nothing.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from resonet.core.text import visible
from resonet.report.page.blocks import Page, Plot, Section

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["check_names", "embedded", "environment", "render", "template_text"]

ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def embedded(value: Any) -> str:
    """JSON that may stand in a script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character, escape in ESCAPES.items():
        text = text.replace(character, escape)
    return text


@cache
def template_text(name: str, package: str = "resonet.report.page", folder: str = "templates") -> str:
    """Text of a template, style or script of a package."""
    return files(package).joinpath(folder, name).read_text(encoding="utf-8")


def _plots(sections: tuple[Section, ...]) -> Iterator[Plot]:
    for section in sections:
        yield from (block for block in section.blocks if isinstance(block, Plot))
        yield from _plots(tuple(section.sections))


def environment(text: Callable[[str], str] = template_text) -> "Environment":
    """What templates are rendered with: everything in them is escaped. `text` finds one by its name."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    found = Environment(
        loader=FunctionLoader(text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["visible"] = visible
    found.filters["embedded"] = lambda value: Markup(embedded(value))
    return found


def check_names(page: Page) -> None:
    """AssertionError for two plots of one name."""
    names = [plot.name for plot in _plots(page.sections)]
    if len(names) != len(set(names)):
        raise AssertionError(f"two plots of one name: {sorted(names)}")


def render(page: Page) -> str:
    """HTML; the same page gives the same bytes."""
    from markupsafe import Markup

    check_names(page)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            page=page,
            style=Markup(template_text("page.css")),
            scripts=[Markup(template_text(name)) for name in ("plots.js", "page.js")],
            plotly=Markup(template_text("plotly.min.js", "plotly", "package_data")),
        )
    )
