"""The page as one HTML file: templates, style, script and plotly in it, nothing asked of any network.

Names may come from somebody else. In HTML they are escaped by Jinja; data for the script stand in elements of JSON, in
which `<`, `>` and `&` are written as escapes, so that nothing ends the element; and a policy of content security lets
the page load nothing.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from resonet.core.text import visible
from resonet.report.page.blocks import Page, Plot, Section

__all__ = ["embedded", "render"]

ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def embedded(value: Any) -> str:
    """JSON that may stand in a script element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character, escape in ESCAPES.items():
        text = text.replace(character, escape)
    return text


@cache
def _text(name: str, package: str = "resonet.report.page", folder: str = "templates") -> str:
    return files(package).joinpath(folder, name).read_text(encoding="utf-8")


def _plots(sections: tuple[Section, ...]) -> Iterator[Plot]:
    for section in sections:
        yield from (block for block in section.blocks if isinstance(block, Plot))
        yield from _plots(tuple(section.sections))


def render(page: Page) -> str:
    """HTML; the same page gives the same bytes."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    environment.filters["embedded"] = lambda value: Markup(embedded(value))
    names = [plot.name for plot in _plots(page.sections)]
    if len(names) != len(set(names)):
        raise AssertionError(f"two plots of one name: {sorted(names)}")
    return environment.get_template("page.html.j2").render(
        page=page,
        style=Markup(_text("page.css")),
        script=Markup(_text("page.js")),
        plotly=Markup(_text("plotly.min.js", "plotly", "package_data")),
    )
