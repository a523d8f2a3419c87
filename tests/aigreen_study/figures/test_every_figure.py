"""What holds for every figure: its type can be read, nothing is cut off, its bytes do not change."""

import io

import pytest
from matplotlib.text import Text
from pypdf import PdfReader

from aigreen.effects.fonts import chinese_font
from aigreen_study.figures import save_figure
from aigreen_study.figures.style import TALLEST, WIDTH, blank, style

SMALLEST_TYPE = 9.0


def test_nothing_is_clipped_or_too_small_on_any_figure(drawn):
    for name, figure in drawn.items():
        figure.draw_without_rendering()
        width, height = figure.get_size_inches()
        box = figure.get_tightbbox()
        assert width == WIDTH, name
        assert height <= TALLEST, name
        assert min(box.x0, box.y0) > -0.005, (name, box)
        assert (box.x1 < width + 0.005, box.y1 < height + 0.005) == (True, True), (name, box)
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()]
        assert min(sizes) >= SMALLEST_TYPE, name


def test_names_on_an_axis_do_not_touch_each_other(drawn):
    for name, figure in drawn.items():
        figure.draw_without_rendering()
        for ax in figure.axes:
            for axis in (ax.xaxis, ax.yaxis):
                low, high = sorted(axis.get_view_interval())
                ticks = [
                    tick
                    for tick in axis.get_major_ticks()
                    if low <= tick.get_loc() <= high and tick.label1.get_visible()
                ]
                boxes = [tick.label1.get_window_extent() for tick in ticks if tick.label1.get_text() and ax.axison]
                hits = [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]
                assert not hits, (name, axis.axis_name)


def test_names_inside_axes_and_labels_do_not_touch(drawn):
    for name, figure in drawn.items():
        figure.draw_without_rendering()
        for ax in figure.axes:
            boxes = [text.get_window_extent() for text in ax.texts if text.get_visible()]
            assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)], name
            if ax.get_legend():
                assert ax.get_legend().get_window_extent().x1 <= figure.bbox.x1, name
            assert ax.yaxis.label.get_window_extent().height <= figure.bbox.height, name


def test_simulated_data_are_marked_behind_the_axes_on_every_figure(drawn):
    for name, figure in drawn.items():
        marks = [text for text in figure.texts if text.get_text() == "SIMULATED DATA"]
        assert len(marks) == 1, name
        assert all(not ax.patch.get_visible() for ax in figure.axes), name
        assert marks[0].get_zorder() < min(ax.get_zorder() for ax in figure.axes), name


def test_same_bytes_twice(draw_all, tmp_path):
    for folder in "ab":
        figures = draw_all()
        for name in ("several", "horizons", "honest", "rho", "curve", "coefficients"):
            save_figure(figures[name], tmp_path / folder / name)
    for path in sorted((tmp_path / "a").iterdir()):
        content = path.read_bytes()
        assert content == (tmp_path / "b" / path.name).read_bytes(), path.name
        assert b"CreationDate" not in content
        assert b"<dc:date>" not in content


@pytest.mark.skipif(chinese_font() is None, reason="needs a Chinese font (pip install 'aigreen[zh]')")
@pytest.mark.parametrize(("label", "kinds"), [("工业占比 share", {"/Type3"}), ("share", {"/Type0"})])
def test_every_reader_of_pdf_can_print_chinese_labels(tmp_path, label, kinds):
    with style():
        figure = blank()
        figure.add_subplot().set_xlabel(label)
    save_figure(figure, tmp_path / "labels")
    page = PdfReader(tmp_path / "labels.pdf").pages[0]
    assert {font.get_object()["/Subtype"] for font in page["/Resources"]["/Font"].values()} == kinds
    assert label in page.extract_text()


@pytest.mark.parametrize("name", ["several", "horizons", "bacon"])
def test_series_differ_in_grey(drawn, name):
    """Marker shape or lightness tells series apart where colour is lost."""
    from matplotlib.colors import to_rgb

    legend = drawn[name].axes[0].get_legend()
    looks = set()
    for handle in legend.legend_handles:
        face = handle.get_facecolor() if hasattr(handle, "get_facecolor") else handle.get_markeredgecolor()
        face = face[0] if hasattr(face, "ndim") and getattr(face, "ndim", 0) == 2 else face
        red, green, blue = to_rgb(face)
        marker = handle.get_marker() if hasattr(handle, "get_marker") else type(handle).__name__
        line = handle.get_linewidth(), handle.get_linestyle()
        paths = len(handle.get_paths()[0].vertices) if hasattr(handle, "get_paths") and handle.get_paths() else 0
        looks.add((round(0.299 * red + 0.587 * green + 0.114 * blue, 1), str(marker), str(line), paths))
    assert len(looks) == len(legend.get_texts())


def test_a_figure_of_a_page_and_more_is_refused():
    from aigreen.errors import ReportError
    from aigreen_study.figures.style import blank

    with pytest.raises(ReportError, match=r"9\.0 inches high; a page holds 8\.8"):
        blank(9)


def test_figure_can_be_drawn_as_png(drawn):
    content = io.BytesIO()
    drawn["curve"].savefig(content, format="png", dpi=50)
    assert content.getvalue()[:4] == b"\x89PNG"
