"""Chinese letters of a page in the font of the paper, for readers whose machine has none."""

from __future__ import annotations

import base64
import io
import logging
import re

from aigreen.effects.fonts import chinese_font

STYLE = "han.css"
FAMILY = "Study Han"  # first in each list of fonts of site.css
MISSING = (
    "Chinese letters on this page need a font of your own machine; without one they are boxes. The PDF has its own."
)
_CHINESE = re.compile("[\u2e80-\u303f\u31c0-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]")
_INSTALLABLE = 0  # OS/2 fsType of a font that may be embedded without restriction


def chinese_style(text: str) -> tuple[str, str]:
    """Write a style sheet with the letters of a text in the font of the paper, and what is to be said without it.

    One of the two is empty, and both are where the text has no such letters: fonts that are not there, or may not be
    embedded, are said. The same text gives the same bytes.

    Parameters
    ----------
    text : str
        All that the page can show.
    """
    letters = sorted(set(_CHINESE.findall(text)))
    if not any(letter.isalpha() for letter in letters):
        return "", ""
    font = chinese_font()
    if font is None:
        return "", MISSING
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.WARNING)
    with TTFont(font.path, fontNumber=0, recalcTimestamp=False) as found:
        if found["OS/2"].fsType != _INSTALLABLE:
            return "", MISSING
        kept = Subsetter(Options(layout_features=[], hinting=False, desubroutinize=True, notdef_outline=True))
        kept.populate(text="".join(letters))
        kept.subset(found)
        found.flavor = "woff"
        written = io.BytesIO()
        found.save(written)
    ranges = ",".join(f"U+{ord(letter):X}" for letter in letters)
    source = base64.b64encode(written.getvalue()).decode()
    return (
        f'@font-face{{font-family:"{FAMILY}";src:url(data:font/woff;base64,{source}) format("woff");'
        f"unicode-range:{ranges}}}\n"
    ), ""
