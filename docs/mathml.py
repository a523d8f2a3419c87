"""A hook of mkdocs: formulas as MathML, which browsers draw without a script."""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content, **_):
    """Put MathML in place of every formula of a page."""
    return _FORMULA.sub(_drawn, content)


def _drawn(found):
    return convert(html.unescape(found[3]), display="block" if found[2] == "[" else "inline")
