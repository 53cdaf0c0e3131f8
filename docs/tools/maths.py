"""LaTeX to MathML, which browsers draw by themselves: no script, no font, no network."""

import re

from latex2mathml.converter import convert

__all__ = ["with_mathml"]

BLOCK = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"\$`([^`\n]+)`\$")


def with_mathml(text: str) -> str:
    """A Markdown page with its ```math blocks and $`...`$ (GitHub's forms) as MathML."""
    text = BLOCK.sub(lambda found: f'<div class="maths">{convert(found[1].strip(), display="block")}</div>', text)
    return INLINE.sub(lambda found: convert(found[1].strip()), text)
