"""The web edition of a small study, read in a headless Chromium as a reader would: mouse, keyboard, phone."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from aigreen.effects.fonts import chinese_font
from aigreen.errors import ReportError
from aigreen_study.site.body import paper_body
from aigreen_study.site.build import write_site
from aigreen_study.site.cards import number_cards
from aigreen_study.site.letters import MISSING
from aigreen_study.site.sections import own_section, sources_section
from aigreen_study.tables.estimates import estimate_cells, interval_cells
from aigreen_study.tables.table import Cell, Group, Row, Table

ROOT = Path(__file__).parents[3]


@pytest.fixture
def page(browser, study):
    """The page, open; at the end nothing may have been complained about or asked of anybody."""
    browser.open(study.page)
    yield browser
    browser.js("1")
    assert browser.complaints == []
    folder = study.site.as_uri()
    assert [url for url in browser.requests if not url.startswith(folder) and url != "about:blank"] == []


def card(browser) -> dict[str, str]:
    """What the open card says, by term."""
    browser.wait("document.getElementById('card').open")
    terms = "[...document.querySelectorAll('#card dt')]"
    said = browser.js(f"Object.fromEntries({terms}.map((term) => [term.innerText, term.nextSibling.innerText]))")
    return said | {"title": browser.js("document.getElementById('card-title').textContent")}


def focused(browser) -> str:
    return browser.js("document.activeElement.getAttribute('href') ?? document.activeElement.id")


def test_ten_numbers_open_the_cards_that_numbers_json_has(page, study):
    known = study.numbers()
    for key in study.estimates:
        page.click(f"article > p a.n[href='#/{key}']")
        said = card(page)
        assert (said["title"], said["Key"]) == (known[key]["text"], key)
        assert float(said["Value"]) == known[key]["value"]
        assert said["Standard error"] == known[f"{key}_se"]["text"]
        assert said["Sample"] == "8,322 observations, 763 units, 190 clusters"
        assert said["Errors are"] == known[key]["errors"] == "clustered by city"
        assert said["Rule"].startswith("make")
        assert "covariates: size, age" in said["Specification"]
        assert said["Shown in"] == "Table 1. Effects of <zones> & more"
        page.press("Escape")
        page.wait("!document.getElementById('card').open")


def test_a_cell_says_place_error_script_inputs_hash_and_how_to_rerun_it(page, study):
    page.click("a.n[href='#/tables/baseline:1:1']")
    said = card(page)
    assert said["title"] == "0.169*"
    assert said["Place"] == "Panel A | Zone | Patents / (1)"
    assert float(said["Value"]) == 0.1694
    assert said["Standard error"] == "(0.089)"
    assert said["Sample"] == "8,322 observations, 763 units, 190 clusters"
    assert said["Certificate"] == "the same as the accepted value"
    assert said["Script"].splitlines()[0] == "analysis/scripts/make.py, 6"
    assert page.js("document.querySelector('#card .written').textContent") == "6table.write(snakemake.output.table)"
    raw = hashlib.sha256((study.results / "raw.csv").read_bytes()).hexdigest()
    assert said["Inputs"] == f"results/tiny/raw.csv\nsha256 {raw}, 10 bytes"
    assert said["Rerun this"].startswith(
        "python3 run.py snakemake --config study=tiny --force results/tiny/tables/baseline.json"
    )


def test_exhibits_open_cards_from_caption_drawing_and_list(page):
    for place in ("figcaption a.how[href='#/figures/trends']", "a.plate", ".below a[href='#/figures/trends']"):
        page.click(place)
        said = card(page)
        assert said["title"] == "Figure 1. Means of ln(1+Y)"
        assert said["Script"].splitlines()[0] == "analysis/scripts/make.py, 7"
        assert said["Here as"].split() == ["SVG", "PDF"]
        page.click("#close")
        page.wait("!document.getElementById('card').open")


def test_no_card_of_the_page_is_empty(page):
    keys = page.js("[...new Set([...document.querySelectorAll('a.n, a.how')].map((a) => a.hash.slice(2)))]")
    assert len(keys) > 20
    for key in keys:
        page.js(f"location.hash = {json.dumps('#/' + key)}")
        page.wait(f"document.querySelector('a[aria-current=true]')?.hash === {json.dumps('#/' + key)}")
        said = card(page)
        assert len(said) > 7
        assert not [term for term, text in said.items() if not text.strip() or re.search(r"undefined|null|NaN", text)]
        assert "Rerun this" in said


def test_a_number_of_another_study_says_so(page):
    page.click("a.n[href='#/other:other_effect']")
    said = card(page)
    assert said["title"] == "0.500"
    assert said["Quoted from"] == "accepted results of the study other"
    assert said["Rerun this"].startswith("python3 run.py snakemake --config study=other")


def test_the_certificate_names_what_differs(page):
    page.js("location.hash = '#/effect_b'")
    assert card(page)["Certificate"] == "not the accepted value; accepted is 9.000"
    text = page.js("document.getElementById('certificate').parentElement.innerText")
    assert "Partial" in text
    assert "1 different" in text
    assert "effect_b" in text


def test_all_works_by_keyboard(page):
    page.press("Tab")
    assert focused(page) == "#paper"
    page.press("Enter")
    page.press("Tab")
    assert focused(page) == "#/effect_a"
    page.press("Enter")
    assert card(page)["Key"] == "effect_a"
    page.press("ArrowRight", 2)
    page.wait("document.querySelector('#card dd').innerText === 'effect_c'")
    page.press("ArrowLeft")
    page.wait("document.querySelector('#card dd').innerText === 'effect_b'")
    page.press("Escape")
    page.wait("document.activeElement.getAttribute('href') === '#/effect_b'")
    assert page.js("location.hash") == ""
    assert not page.js("document.getElementById('card').open")


def test_arrow_keys_go_through_a_table_that_tab_stops_at_once(page):
    assert page.js("document.querySelectorAll('table [tabindex=\"0\"]').length") == 1
    page.js("document.querySelector('table [tabindex=\"0\"]').focus()")
    walked = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowDown", "ArrowUp"):
        page.press(key)
        walked.append(focused(page).removeprefix("#/tables/baseline:"))
    assert walked == ["1:2", "1:3", "1:2", "1:1", "2:1", "2:1", "1:1"]
    page.press("Enter")
    assert card(page)["title"] == "0.169*"


def test_search_finds_an_exhibit_a_number_and_a_section(page):
    for text, kind, address in (
        ("effects of zones", "exhibit", "#/tables/baseline"),
        ("effect_j", "number", "#/effect_j"),
        ("A table", "section", "#part-3"),
    ):
        page.press("/")
        page.wait("document.getElementById('search').open")
        page.type(text if kind != "exhibit" else "tables/baseline")
        first = page.js("document.querySelector('#hits [aria-selected=true]').innerText")
        assert kind in first, first
        page.press("Enter")
        page.wait(f"location.hash === {json.dumps(address)}")
        if kind == "section":
            assert focused(page) == "part-3"
        else:
            card(page)
            page.press("Escape")
    page.press("/")
    page.type("no such words")
    assert page.js("document.getElementById('count').textContent") == "0 found"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_scrolls_sideways(browser, study, width):
    browser.open(study.page, width=width, height=844)
    assert browser.js("document.documentElement.scrollWidth") <= width
    browser.js("location.hash = '#/tables/baseline:1:1'")
    card(browser)
    assert browser.js("document.getElementById('card').scrollWidth - document.getElementById('card').clientWidth") <= 0
    assert browser.js("document.documentElement.scrollWidth") <= width
    assert browser.complaints == []


def test_colours_follow_the_system_until_the_reader_chooses(browser, study):
    lightness = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    browser.open(study.page, colours="dark")
    browser.js("localStorage.clear()")
    assert browser.js(lightness) < 60
    browser.click("#theme")
    assert browser.js(lightness) > 200
    browser.open(study.page, colours="dark")
    assert browser.js(lightness) > 200
    browser.js("localStorage.clear()")
    browser.open(study.page, colours="light")
    assert browser.js(lightness) > 200


def test_figures_follow_the_colours(browser, study):
    image = "a.plate[href='#/figures/trends'] img"
    browser.open(study.page, colours="light")
    browser.js("localStorage.clear()")
    assert browser.js(f"document.querySelector({json.dumps(image)}).naturalWidth") == 40
    assert browser.colour(image) == (255, 255, 255)
    browser.open(study.page, colours="dark")
    assert browser.colour(image) == (31, 31, 31)
    assert browser.js("getComputedStyle(document.querySelector('a.plate')).backgroundColor") == "rgb(31, 31, 31)"
    browser.click("#theme")
    assert browser.colour(image) == (255, 255, 255)
    browser.open(study.page, colours="light")
    browser.click("#theme")
    assert browser.colour(image) == (31, 31, 31)
    browser.js("localStorage.clear()")


def test_a_figure_tells_value_and_sample_of_the_point_under_the_mouse(page):
    image, hover = "a.plate[href='#/figures/trends'] img", "document.getElementById('hover')"
    assert page.js(f"{hover}.hidden")
    page.point(image, 0.26, 0.75)
    page.wait(f"!{hover}.hidden")
    assert page.js(f"{hover}.textContent") == "Horizon 0\nEffect 0.125 & more\n8,322 observations"
    box, image_box = page.js(
        f"[{hover}, document.querySelector({json.dumps(image)})].map((e) => e.getBoundingClientRect().toJSON())"
    )
    assert abs(box["left"] - 14 - image_box["left"] - 0.25 * image_box["width"]) < 1
    page.point(image, 0.75, 0.26)
    page.wait(f"{hover}.textContent === 'Horizon 1'")
    page.point(image, 0.05, 0.05)
    page.wait(f"{hover}.hidden")


def test_one_estimator_of_several_is_shown_in_full(page):
    plate, button = "document.querySelector('a.plate[href=\"#/figures/trends\"]')", ".choices button:nth-child({})"
    assert page.js("[...document.querySelectorAll('.choices button')].map((b) => b.textContent)") == [
        "All",
        "One",
        "Other",
    ]
    assert page.js(f"getComputedStyle({plate}).display") == "block"
    page.click(button.format(2))
    assert page.js(f"getComputedStyle({plate}).display") == "none"
    page.wait("document.querySelector('figure .choices ~ .chart svg .chosen') !== null")
    shown = "document.querySelectorAll('.choices ~ .chart svg {} title')"
    said = page.js(f"[...{shown.format('.chosen')}].map((t) => t.textContent)")
    assert said == [
        "One, horizon −1: 0.000, no interval",
        "One, horizon 0: 0.125, 95% interval [0.025, 0.225]",
        "One, horizon 1: 0.500, 95% interval [0.250, 0.750]",
    ]
    assert page.js(f"{shown.format('.other')}.length") == 2
    # An interval of 0.2 on an axis of 1.5: its line is as long as its share of the plot.
    line, height = page.js(
        "(() => { const svg = document.querySelector('.choices ~ .chart svg');"
        "const l = svg.querySelectorAll('.chosen line')[0];"
        "return [l.y1.baseVal.value - l.y2.baseVal.value, svg.viewBox.baseVal.height - 72] })()"
    )
    assert line == pytest.approx(height * 0.2 / 1.5, abs=0.01)
    page.click(button.format(3))
    assert page.js(f"{shown.format('.chosen')}.length") == 2
    assert page.js("[...document.querySelectorAll('[aria-pressed=true]')].map((b) => b.textContent)") == ["Other"]
    page.click(button.format(1))
    assert page.js(f"getComputedStyle({plate}).display") == "block"


def test_a_slider_goes_through_the_rings_by_mouse_and_keyboard(page):
    said = "[...document.querySelectorAll('.scroll ~ .chart .name')].map((t) => t.textContent)"
    page.wait(f"{said}.length === 2")
    assert page.js(said) == [
        "Total: 0.200, 95% interval [0.100, 0.300]",
        "Spillover: 0.020, 95% interval [−0.100, 0.140]",
    ]
    page.js("document.querySelector('.slide input').focus()")
    page.press("ArrowRight")
    assert page.js("document.querySelector('.slide output').textContent") == "Zones within 100 km"
    assert page.js("document.querySelector('.slide input').getAttribute('aria-valuetext')") == "Zones within 100 km"
    assert page.js(said)[1] == "Spillover: −0.050, 95% interval [−0.200, 0.100]"
    page.press("ArrowRight", 3)
    assert page.js(said)[1] == "Spillover: 0.100, no interval"


def test_charts_follow_the_colours(browser, study):
    ground = "getComputedStyle(document.querySelector('.chart')).backgroundColor"
    for colours, expected in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(30, 35, 38)")):
        browser.open(study.page, colours=colours)
        browser.wait("document.querySelector('.chart .name') !== null")
        assert browser.js(ground) == expected
        ink = browser.js("getComputedStyle(document.querySelector('.chart .name')).fill")
        assert contrast(ink, expected) >= 4.5


def test_the_estimators_beside_the_one_chosen_stand_out_from_plate_and_paper(browser, study):
    for colours in ("light", "dark"):
        browser.open(study.page, colours=colours)
        browser.js("document.querySelectorAll('.choices button')[2].click()")
        browser.wait("document.querySelector('.chart .other circle') !== null")
        ink, ground, grid = browser.js(
            "['.other circle', '', '.grid'].map((s) => getComputedStyle(document.querySelector(`.chart ${s}`)))"
            ".map((style, i) => style[['fill', 'backgroundColor', 'stroke'][i]])"
        )
        assert contrast(ink, ground) >= 3, (colours, ink, ground)
        assert contrast(ink, grid) >= 1.5, (colours, ink, grid)


def test_an_interval_beyond_the_axis_of_a_chart_ends_in_an_arrow(browser, study):
    browser.open(study.page)
    browser.js("AIGREEN.exhibits['figures/trends'].chart.series[0].points[2][3] = 9")
    browser.js("document.querySelectorAll('.choices button')[1].click()")
    browser.wait("document.querySelector('.chart .cut') !== null")
    assert browser.js("document.querySelectorAll('.chart .cut').length") == 1


def test_letters_of_drawings_are_read_on_a_phone_and_the_drawing_scrolls_alone(browser, study):
    browser.open(study.page, width=390, height=844)
    image, plate = browser.js(
        "['a.plate img', 'a.plate'].map((s) => document.querySelector(s).getBoundingClientRect().width)"
    )
    assert image >= 600  # as wide as the paper has them, whose letters are 12 pixels high
    assert plate < 390
    assert browser.js("document.documentElement.scrollWidth") <= 390


@pytest.mark.skipif(chinese_font() is None, reason="needs a Chinese font (pip install 'aigreen[zh]')")
def test_chinese_letters_come_with_the_page_where_it_has_any(browser, study, tmp_path):
    assert not (study.site / "han.css").exists()
    assert "font-src" not in (study.site / "index.html").read_text(encoding="utf-8")
    for folder in ("once", "again"):
        config = study.config | {"title": "绿色（示例）"}
        write_site(config, study.results, tmp_path / folder, root=study.root, registered=study.registered)
    assert (tmp_path / "once/han.css").read_bytes() == (tmp_path / "again/han.css").read_bytes()
    assert (tmp_path / "once/han.css").stat().st_size < 20_000
    browser.open((tmp_path / "once/index.html").as_uri())
    browser.js("document.body.append('绿')")
    browser.wait("[...document.fonts].length === 1 && [...document.fonts][0].status === 'loaded'")
    assert browser.complaints == []


def test_chinese_letters_without_a_font_to_embed_are_said(study, tmp_path, monkeypatch):
    monkeypatch.setattr("aigreen_study.site.letters.chinese_font", lambda: None)
    config = study.config | {"title": "绿色"}
    write_site(config, study.results, tmp_path / "site", root=study.root, registered=study.registered)
    assert MISSING in (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert MISSING not in (study.site / "index.html").read_text(encoding="utf-8")
    assert not (tmp_path / "site/han.css").exists()


def test_ink_stands_out_from_paper_in_both_colours(browser, study):
    for colours in ("light", "dark"):
        browser.open(study.page, colours=colours)
        browser.js("location.hash = '#/effect_a'")
        card(browser)
        pairs = browser.js(
            "['body', 'p.hint', '.n', '.notes', '.how', 'nav a', '#card dt', '#card .hash'].map((s) => {"
            "const e = document.querySelector(s); let b = e;"
            "while (b && getComputedStyle(b).backgroundColor === 'rgba(0, 0, 0, 0)') b = b.parentElement;"
            "return [s, getComputedStyle(e).color, getComputedStyle(b).backgroundColor] })"
        )
        for selector, ink, paper in pairs:
            assert contrast(ink, paper) >= 4.5, (colours, selector, ink, paper)


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_script_that_is_not_the_sites_is_refused(browser, study):
    browser.open(study.page)
    browser.js("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hurt = 1\">')")
    browser.js("const s = document.createElement('script'); s.textContent = 'window.hurt = 1'; document.body.append(s)")
    browser.js("fetch('https://example.com').catch(() => 1)")
    assert browser.js("window.hurt === undefined")
    assert any("Content Security Policy" in line for line in browser.complaints)


def test_the_page_is_plain_and_named(study):
    html = (study.site / "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'" in html
    assert not re.search(r"<[^>]+ (?:style|on\w+)=", html)
    assert html.count("<h1") == 1
    assert '<html lang="en-GB">' in html
    assert 'alt="Two lines that rise."' in html
    assert '<th scope="row">Zone</th>' in html
    assert "Effects of &lt;zones> &amp; more (simulated data)" in html
    assert "<math" in html
    assert re.findall(r'src="([^"]+)"', html) == ["data.js", "site.js", "charts.js", "search.js", "figures/trends.svg"]


def test_every_number_of_the_page_has_a_card(study):
    html = (study.site / "index.html").read_text(encoding="utf-8")
    data = json.loads((study.site / "data.js").read_text(encoding="utf-8").split("const AIGREEN = ")[1].rstrip(";\n"))
    keys = set(re.findall(r'href="#/([^"]+)"', html))
    assert len(keys) >= 10 + 1 + 9 + 3
    assert keys <= set(data["numbers"]) | set(data["exhibits"])


def test_estimates_know_their_errors_and_bounds(study):
    text = (study.site / "data.js").read_text(encoding="utf-8").split("const AIGREEN = ")[1].rstrip(";\n")
    numbers = json.loads(text)["numbers"]
    assert numbers["effect_a"]["related"] == {"error": "effect_a_se"}
    assert (numbers["effect_a_se"]["of"], numbers["effect_a_se"]["aspect"]) == ("effect_a", "error")
    assert numbers["tables/baseline:1:1"]["related"] == {"error": "tables/baseline:2:1"}
    assert numbers["tables/baseline:2:1"]["of"] == "tables/baseline:1:1"
    assert "related" not in numbers["tables/baseline:1:2"]


def test_errors_and_bounds_in_columns_of_their_own():
    line = {"estimate": 0.5, "std_error": 0.1, "conf_low": 0.3, "conf_high": 0.7}
    cells = (*interval_cells(line), Cell.count(9), *estimate_cells(line), Cell.p_value(0.02))
    table = Table("t", "T", "", tuple("abcdefgh"), (Group((Row("All", cells),)),))
    entries = {f"tables/t:1:{j}": {"exhibit": "tables/t", "place": str(j), "text": "1"} for j in range(1, 9)}
    cards = number_cards(entries, {"tables/t": table}, None)
    others = {"error": "tables/t:1:2", "low": "tables/t:1:3", "high": "tables/t:1:4"}
    assert cards["tables/t:1:1"]["related"] == others
    assert cards["tables/t:1:6"]["related"] == {"error": "tables/t:1:7", "p": "tables/t:1:8"}
    aspects = [None, "error", "low", "high", None, None, "error", "p"]
    assert [cards[f"tables/t:1:{j}"].get("aspect") for j in range(1, 9)] == aspects


def test_cards_read_roles_and_not_brackets():
    """A number in brackets without a role belongs to no estimate."""
    rows = (Row("All", (Cell.number(0.5, role="estimate"),)), Row("", (Cell("(0.1)", 0.1),)))
    table = Table("t", "T", "", ("(1)",), (Group(rows),))
    entries = {f"tables/t:{i}:1": {"exhibit": "tables/t", "place": str(i), "text": "1"} for i in (1, 2)}
    assert "related" not in number_cards(entries, {"tables/t": table}, None)["tables/t:1:1"]


def test_the_same_results_give_the_same_bytes(study, tmp_path):
    write_site(study.config, study.results, tmp_path / "site", root=study.root, registered=study.registered)
    again = {p.relative_to(tmp_path / "site"): p.read_bytes() for p in (tmp_path / "site").rglob("*") if p.is_file()}
    assert again == {p.relative_to(study.site): p.read_bytes() for p in study.site.rglob("*") if p.is_file()}
    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_a_study_without_accepted_values_says_so(study, tmp_path):
    root = tmp_path / "again"
    shutil.copytree(study.root, root)
    shutil.rmtree(root / "paper/expected" / study.config["study"])
    write_site(study.config, root / "results" / "tiny", tmp_path / "site", root=root)
    html = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "No accepted values of tiny are recorded" in html


def test_real_sources_are_listed_with_licence_and_hash():
    facts = {
        "source": "a_b",
        "file": "x.csv",
        "licence": "CC <BY>",
        "access": "public",
        "citation": "A.",
        "sha256": "ab12",
    }
    listed = sources_section([facts], simulated=False)
    assert "CC &lt;BY&gt;" in listed
    assert "sha256 ab12" in listed
    assert "simulated" not in listed
    assert sources_section([], simulated=True) == "<p>The data are simulated: there is no raw source.</p>"


def test_the_file_of_a_users_study_is_named_with_its_hash():
    files = {"folder/my <data>.csv": {"sha256": "ab12"}, "links.csv": {"sha256": "cd34"}}
    listed = own_section({"file": "my <data>.csv", "citation": "A. & B."}, files)
    assert listed == (
        '<ul class="sources"><li><strong>my &lt;data&gt;.csv</strong><br>A. &amp; B.'
        '<span class="hash">sha256 ab12</span></li></ul>'
    )


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ('<figure><figcaption>T</figcaption><div data-exhibit="tables/none"></div></figure>', "shows tables/none"),
        ('<img src="https://example.com/a.png">', "may load nothing"),
        ("<p onclick='x'>a</p>", "may load nothing"),
        ("<script>1</script>", "may load nothing"),
    ],
)
def test_a_page_that_loads_or_lacks_anything_is_refused(inner, message):
    with pytest.raises(ReportError, match=message):
        paper_body(f"<html><head></head><body>{inner}</body></html>", {})
    assert paper_body("<body><p>it is on x=1, at src=2</p></body>", {}).html == "<p>it is on x=1, at src=2</p>"


@pytest.mark.slow
def test_a_study_built_by_the_workflow(browser, tmp_path):
    """A whole paper: ten numbers of its prose against numbers.json, on a screen and on a phone."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(lambda name: name and (ROOT / name).is_file(), listed.stdout.split("\0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    results = tmp_path / "results/monte-carlo"
    target, study = "results/monte-carlo/site", ["study=monte-carlo", "replications=2"]
    command = [sys.executable, "-m", "snakemake", "--cores", "1", target, "--config", *study]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src"), "PYTHONHASHSEED": "0"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    known = json.loads((results / "numbers.json").read_bytes())
    for width in (1280, 390):
        browser.open((results / "site/index.html").as_uri(), width=width, height=844)
        assert browser.js("document.documentElement.scrollWidth") <= width
        shown = browser.js(
            "[...new Set([...document.querySelectorAll('article > p a.n')].map((a) => a.hash.slice(2)))]"
        )
        own = [key for key in shown if ":" not in key]
        assert len(own) > 20
        for key in own[:: len(own) // 10][:10]:
            browser.click(f"article > p a.n[href='#/{key}']")
            said = card(browser)
            assert (said["title"], said["Key"]) == (known[key]["text"], key)
            assert said["Value"] == str(known[key]["value"]) or float(said["Value"]) == known[key]["value"]
            browser.click("#close")
            browser.wait("!document.getElementById('card').open")
        assert browser.complaints == []
    assert all(url.startswith(("file://", "about:blank")) for url in browser.requests)


def test_the_page_of_a_licensed_study_names_no_firm(study, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(study.root, root)
    results = root / study.results.relative_to(study.root)
    pd.DataFrame({"firm_id": ["600519"]}).to_parquet(results / "panel.parquet")
    config = study.config | {"source": "licensed", "panel": {"unit": "firm_id"}}
    write_site(config, results, tmp_path / "site", root=root, registered=study.registered)
    for path in (results / "sample_flow.csv", results / "figures/trends.svg"):
        whole = path.read_text("utf-8")
        path.write_text(
            whole.replace("no banks", "600519 left out").replace("<path", "<text>600519</text><path"), "utf-8"
        )
        with pytest.raises(ReportError, match=r"1 files name firms of licensed data, and may not: \S+ \(line \d+\)"):
            write_site(config, results, tmp_path / "named", root=root, registered=study.registered)
        assert not (tmp_path / "named").exists()
        path.write_text(whole, "utf-8")
