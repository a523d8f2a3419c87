"""A hook of mkdocs: formulas as MathML, which browsers draw without a script."""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content, **_):
    """Put MathML in place of every formula of a page; phone.css lets long ones scroll by themselves."""
    return _FORMULA.sub(_drawn, content)


def _drawn(found):
    if found[2] == "(":
        return convert(html.unescape(found[3]), display="inline")
    return f'<div class="formula">{convert(html.unescape(found[3]), display="block")}</div>'
