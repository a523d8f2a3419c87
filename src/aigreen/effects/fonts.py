"""A font with Chinese letters, for plots, figures and papers whose own fonts have none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

FROM = 0x2E80  # the first character of East Asian scripts and their punctuation
PACKAGE, FILE, FAMILY = "pylopdf_fonts_zh_cn", "NotoSerifSC-Regular.otf", "Noto Serif SC"
# Looked for among the fonts of the system, where the package is not installed.
FAMILIES = (
    FAMILY, "Noto Serif CJK SC", "Noto Serif CJK JP", "Source Han Serif SC", "Songti SC", "SimSun", "Noto Sans CJK SC",
    "Noto Sans CJK JP",
)  # fmt: skip
HOW = "pip install 'aigreen[zh]' or, on Debian and Ubuntu, apt install fonts-noto-cjk"


@dataclass(frozen=True)
class Font:
    """A font by its family and its file."""

    family: str
    path: Path


@cache
def chinese_font() -> Font | None:
    """Find the font of the package, else one of the system; None where there is neither."""
    package = find_spec(PACKAGE)
    if package is not None and package.origin is not None:
        return Font(FAMILY, Path(package.origin).parent / FILE)
    from matplotlib.font_manager import fontManager

    found = {entry.name: entry.fname for entry in fontManager.ttflist}
    return next((Font(name, Path(found[name])) for name in FAMILIES if name in found), None)


@cache
def chinese_letters() -> frozenset[int]:
    """Code points of `chinese_font`; none without one."""
    from matplotlib.ft2font import FT2Font

    font = chinese_font()
    return frozenset(FT2Font(str(font.path)).get_charmap()) if font else frozenset()


def registered_font() -> str | None:
    """Make `chinese_font` known to matplotlib; return its family, None without one."""
    from matplotlib.font_manager import fontManager

    font = chinese_font()
    if font is None:
        return None
    if font.family not in fontManager.get_font_names():
        fontManager.addfont(font.path)
    return font.family


def set_letters(texts: Iterable[Text]) -> None:
    """Let texts with Chinese letters take from `chinese_font` what their own font lacks; others stay as they are."""
    chinese = [text for text in texts if any(ord(letter) >= FROM for letter in text.get_text())]
    if chinese and (family := registered_font()):
        for text in chinese:
            text.set_fontfamily([name for name in text.get_fontfamily() if name != family] + [family])


def lettered(ax: Axes) -> Axes:
    """Do as `set_letters` with all texts of the axes, names of ticks and the legend among them."""
    from matplotlib.text import Text

    set_letters(text for text in ax.findobj(Text) if isinstance(text, Text))
    return ax
