"""Chinese letters in papers and figures."""

import io

import pytest
from pypdf import PdfReader

from aigreen.effects.fonts import chinese_font, chinese_letters
from aigreen_study.bundle.readme_pdf import readme_pdf
from aigreen_study.figures.style import canvas, style

pytestmark = pytest.mark.skipif(chinese_font() is None, reason="needs a Chinese font (pip install 'aigreen[zh]')")


def fonts(pdf):
    """Names of the fonts of the pages of a PDF."""
    resources = [page["/Resources"]["/Font"].values() for page in PdfReader(io.BytesIO(pdf)).pages]
    return {font.get_object()["/BaseFont"] for page in resources for font in page}


def drawn(text):
    with style():
        figure, ax = canvas()
        ax.set_ylabel(text)
        content = io.BytesIO()
        figure.savefig(content, format="pdf", metadata={"CreationDate": None})
    return content.getvalue()


def test_figures_take_chinese_letters_from_the_font_and_all_others_from_their_own():
    assert ord("碳") in chinese_letters()
    assert not any("Serif" in name for name in fonts(drawn("Emissions")))
    assert any(chinese_font().family.replace(" ", "") in name for name in fonts(drawn("碳排放")))  # a lost glyph warns


def test_a_readme_prints_chinese():
    read = PdfReader(io.BytesIO(readme_pdf("# 数据与代码\n\n- `企业.csv`\n")))
    assert "数据与代码" in read.pages[0].extract_text()
