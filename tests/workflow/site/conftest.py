"""A headless Chromium, driven over the pipes of its debugging protocol (no package, no port), and a small study."""

import base64
import fcntl
import io
import json
import os
import select
import shutil
import subprocess
import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfWriter

from aigreen_study.numbers import ledger as ledgers
from aigreen_study.numbers.prose import Ledger
from aigreen_study.paper.paper import page
from aigreen_study.site.build import write_site
from aigreen_study.tables import render
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table
from aigreen_study.trust import provenance as origins

from ...conftest import NO_CHROMIUM

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
SECONDS = 60
ROOT = Path(__file__).parents[3]


class Browser:
    """One page, what it asks for and what it complains about."""

    def __init__(self, program: str, profile: Path) -> None:
        # Chromium reads from descriptor 3 and writes to 4; high numbers here, so that neither is overwritten too early.
        (theirs_in, ours_out), (ours_in, theirs_out) = (
            [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in os.pipe()] for _ in range(2)
        )
        flags = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --remote-debugging-pipe"
        shell = f'exec "$0" {flags} --user-data-dir="$1" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, program, str(profile)],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.out, self.inward, self.unread, self.number = ours_out, ours_in, b"", 0
        self.session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while (answer := self._receive(until)).get("id") != self.number:
            self._note(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def open(self, address: str, *, width: int = 1280, height: int = 800, colours: str = "light") -> None:
        self.requests.clear()
        self.complaints.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        features = [
            {"name": "prefers-color-scheme", "value": colours},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.send("Emulation.setEmulatedMedia", features=features)
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=address)
        self.wait("location.protocol === 'file:' && document.readyState === 'complete'")

    def js(self, expression: str) -> Any:
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        until = time.monotonic() + SECONDS
        while not self.js(condition):
            assert time.monotonic() < until, f"never true: {condition}"
            time.sleep(0.02)

    def press(self, key: str, times: int = 1, *, shift: bool = False) -> None:
        """Press a key: a name of `KEYS`, or a character."""
        character = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        code = KEYS.get(key, ord(key[0].upper()))
        facts = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 * shift}
        for _ in range(times):
            self.send("Input.dispatchKeyEvent", type="keyDown" if character else "rawKeyDown", **facts, **character)
            self.send("Input.dispatchKeyEvent", type="keyUp", **facts)

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def point(self, selector: str, across: float, down: float) -> None:
        """Move the mouse over the first element, to a place in shares of its width and height."""
        x, y, width, height = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({block: 'center'});"
            "const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] })()"
        )
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x + across * width, y=y + down * height)

    def colour(self, selector: str) -> tuple[int, ...]:
        """Colour on the screen near the upper left corner of the first element, brought into view."""
        left, top = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({block: 'center'});"
            "const b = e.getBoundingClientRect(); return [b.x + 20, b.y + 20] })()"
        )
        picture = base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])
        return Image.open(io.BytesIO(picture)).convert("RGB").getpixel((round(left), round(top)))

    def click(self, selector: str) -> None:
        """Click with the mouse in the middle of the first element, brought into view."""
        x, y = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', inline: 'center'});"
            "const b = e.getClientRects()[0]; return [b.x + b.width / 2, b.y + b.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(SECONDS)
        os.close(self.out)
        os.close(self.inward)

    def _receive(self, until: float) -> dict[str, Any]:
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.inward], [], [], max(0, until - time.monotonic()))
            part = os.read(self.inward, 1 << 16) if ready else b""
            assert part, "the browser does not answer"
            self.unread += part
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        facts = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        elif event.get("method") == "Log.entryAdded":
            self.complaints.append(facts["entry"]["text"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(facts["exceptionDetails"]))
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.complaints.append(str(facts["args"]))


def chromium() -> str | None:
    """Find a headless Chromium; Playwright keeps its own below a cache folder, one a version."""
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    kept = sorted(cache.glob("chromium_headless_shell-*/*/*headless?shell"))
    found = [os.environ.get("AIGREEN_CHROMIUM"), *map(shutil.which, NAMES), *map(str, reversed(kept))]
    return next(filter(None, found), None)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium (AIGREEN_CHROMIUM, else the first on the path, else that of Playwright)."""
    program = chromium()
    if program is None:
        pytest.skip(NO_CHROMIUM)
    browser = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


STUDY = "tiny"
CONFIG = {"study": STUDY, "title": "A tiny study", "date": "2026", "simulated": True}
SPEC = {"method": "TWFE Poisson", "outcome": "patents", "n_rows": 8322, "n_units": 763, "n_clusters": 190}
REGISTERED = [{"exhibit": "baseline", "id": "poisson", "estimator": "poisson", "covariates": ["size", "age"]}]
ESTIMATES = {f"effect_{letter}": (i - 4.5) / 37 for i, letter in enumerate("abcdefghij")}
POINTS = [[0.25, 0.75, "Horizon 0\nEffect 0.125 & more\n8,322 observations"], [0.75, 0.25, "Horizon 1"]]
CHART = {
    "x": "Years since treatment",
    "y": "Effect on patents",
    "range": [-0.5, 1.0],
    "level": "95%",
    "series": [
        {"name": "One", "points": [[-1, 0.0, None, None], [0, 0.125, 0.025, 0.225], [1, 0.5, 0.25, 0.75]]},
        {"name": "Other", "points": [[-1, -0.25, -0.4, -0.1], [0, 0.25, 0.1, 0.4]]},
    ],
}
RINGS = {
    "x": "Effect",
    "range": [-0.3, 0.6],
    "level": "95%",
    "choices": ["Zones within 50 km", "Zones within 100 km", "Zones within 200 km of the seat of the prefecture"],
    "series": [
        {"name": "Total", "points": [[0, 0.2, 0.1, 0.3], [1, 0.25, 0.1, 0.4], [2, 0.3, 0.1, 0.5]]},
        {"name": "Spillover", "points": [[0, 0.02, -0.1, 0.14], [1, -0.05, -0.2, 0.1], [2, 0.1, None, None]]},
    ],
}
SCRIPT = '''"""Make everything."""

import json

table = json.loads("{}")
table.write(snakemake.output.table)
draw(table, snakemake.output.figure)
write(snakemake.output.numbers)
'''
ENTRY = """
#let sections = ("tiny-results",)
#let keywords = ("green",)
#let jel = ("C23",)
#let abstract = [The effect is #import "/paper/lib.typ": n; #n("effect_a").]
"""
SECTION = """
#import "/paper/lib.typ": *

= Results <sec-results>

@tab-baseline and @fig-trends follow @eq-mean, as in @butts2021. {numbers}
Inline, $EE[Y | x] = sum_k exp(beta_k x_k + gamma_(k t) + delta_(k t) + epsilon_(k t) + eta_(k t))$ is long.
Elsewhere it is #n("other_effect", of: "other").
$
  EE[Y | x] = sum_k exp(beta_k x_k + gamma_(k t) + delta_(k t) + epsilon_(k t) + eta_(k t) + theta_(k t) + iota_(k t)).
$ <eq-mean>

== A table

#exhibit-table("baseline")

#exhibit-figure("trends", [Means of $ln(1 + Y)$], "Two lines that rise.", [Means by year.])

= A last section with #raw("code") & signs < >
"""


@dataclass(frozen=True)
class Study:
    """A built study and its web edition."""

    root: Path
    site: Path

    @property
    def results(self) -> Path:
        return self.root / "results" / STUDY

    @property
    def page(self) -> str:
        return (self.site / "index.html").as_uri()

    estimates = ESTIMATES
    config = CONFIG
    registered = REGISTERED

    def numbers(self) -> dict:
        return json.loads((self.results / "numbers.json").read_bytes())


def baseline() -> Table:
    spec = "baseline/poisson"
    facts = SPEC | {"errors": "clustered by city"}
    wide = tuple(f"A long heading of column {i}" for i in range(6))
    more = tuple(Cell.number(i / 7) for i in range(6))
    estimate = (
        Cell("0.169", 0.1694, 1, spec=spec, role="estimate"),
        Cell("8,322", 8322, centred=True, spec=spec, unit="rows"),
    )
    error = (Cell("(0.089)", 0.0887, spec=spec, role="std_error"), *(Cell(),) * 7)
    rows = (Row("Zone", estimate + more), Row("", error))
    return Table(
        key="baseline",
        title="Effects of <zones> & more",
        stub="Variable",
        columns=("(1)", "(2)", *wide),
        groups=(Group(rows, "Panel A"),),
        spanners=((Spanner("Patents", 0, 2),),),
        notes="Standard errors in parentheses.",
        simulated=True,
        specifications={spec: facts},
        chart=RINGS,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    root = tmp_path_factory.mktemp("a study 绿色")
    results = root / "results" / STUDY
    for folder in ("paper/sections", "paper/expected/other", "analysis/scripts", "analysis/config"):
        (root / folder).mkdir(parents=True)
    for name in ("lib.typ", "web.typ", "template.typ", "paper.typ", "references.bib"):
        shutil.copy(ROOT / "paper" / name, root / "paper")
    said = " ".join(f'It is #n("{key}").' for key in ESTIMATES)
    (root / "paper/sections/tiny.typ").write_text(ENTRY)
    (root / "paper/sections/tiny-results.typ").write_text(SECTION.replace("{numbers}", said))
    (root / "analysis/config/tiny.yaml").write_text("study: tiny\n")
    (root / "analysis/scripts/make.py").write_text(SCRIPT)
    other = Ledger(rule="numbers")
    other.add("other_effect", 0.5, exhibit="tables/overall")
    other.write(root / "paper/expected/other/numbers.json")
    fill(root, results)
    (results / "page.html").write_text(page(CONFIG, results, root=root)[0], encoding="utf-8")
    write_site(CONFIG, results, results / "site", root=root, registered=REGISTERED)
    return Study(root, results / "site")


def fill(root: Path, results: Path) -> None:
    """Write what the workflow would have written before the site."""
    numbers = Ledger(rule="make")
    for key, value in ESTIMATES.items():
        numbers.add(key, value, exhibit="tables/baseline", spec="baseline/poisson", n=8322, errors="clustered by city")
        numbers.add(f"{key}_se", abs(value) / 2, exhibit="tables/baseline", spec="baseline/poisson")
    numbers.write(results / "numbers.json")
    table = baseline()
    render.write(table, results / "tables/baseline")
    (results / "figures").mkdir()
    for ending in ("svg", "pdf"):
        drawing = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:dc="http://purl.org/dc/elements/1.1/" viewBox="0 0 40 20"'
            ' width="40" height="20"><metadata>'
            f"<dc:description>{escape(json.dumps({'points': POINTS, 'chart': CHART}))}</dc:description></metadata>"
            '<rect width="40" height="20" fill="#fff"/><path d="M0 20 40 0" stroke="#000"/></svg>'
        )
        (results / f"figures/trends.{ending}").write_text(drawing)
    PdfWriter().write(results / "paper.pdf")
    (results / "raw.csv").write_text("year\n2019\n")
    (results / "sample_flow.csv").write_text("step,n_rows,n_units,dropped\nraw,90,9,0\nno banks,80,8,10\n")
    start = f"results/{STUDY}"
    outputs = {
        "table": [f"{start}/tables/baseline.{ending}" for ending in ("json", "tex", "typ", "html")],
        "figure": [f"{start}/figures/trends.pdf", f"{start}/figures/trends.svg"],
        "numbers": [f"{start}/numbers.json"],
    }
    job = {"rule": "make", "script": "analysis/scripts/make.py", "inputs": {"raw": [f"{start}/raw.csv"]}}
    shown = [files[0] for files in outputs.values()]
    facts = origins.provenance(STUDY, {"shown": shown, "jobs": [job | {"outputs": outputs}]}, root)
    (results / "provenance.json").write_text(origins.to_json(facts))
    entries = ledgers.ledger(json.loads(numbers.to_json()), {"tables/baseline": table}, facts)
    (results / "ledger.json").write_text(ledgers.to_json(entries))
    expected = root / "paper/expected" / STUDY
    accepted = json.loads(numbers.to_json())
    accepted["effect_b"] |= {"value": 9.0, "text": "9.000"}
    (expected / "tables").mkdir(parents=True)
    (expected / "numbers.json").write_text(json.dumps(accepted))
    shutil.copy(results / "tables/baseline.json", expected / "tables")
