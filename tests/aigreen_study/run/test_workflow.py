import json
import os
import subprocess
import sys
from html.parser import HTMLParser

from aigreen_study.run.workflow import alternative_texts, exhibit_graph, load_workflow


def test_every_figure_of_the_papers_is_put_in_words(repository):
    for study in ("simulated-firms", "provinces", "cities", "monte-carlo"):
        words = alternative_texts(repository, study)
        used = "".join(path.read_text("utf-8") for path in (repository / "paper/sections").glob("*.typ"))
        assert len(words) >= 14 and used.count("#exhibit-figure(") >= len(words)
        assert all(len(text) > 30 and text.endswith(".") for text in words.values())


def test_the_words_of_the_study_itself_come_first(tmp_path):
    sections = tmp_path / "paper/sections"
    sections.mkdir(parents=True)
    figure = '#exhibit-figure(\n  "map",\n  [A map, in $f(x)$],\n  "{}",\n  [Notes.],\n)\n'
    for name in ("cities", "provinces", "zones"):
        (sections / f"{name}-data.typ").write_text(figure.format(f"Map of {name}."), encoding="utf-8")
    assert alternative_texts(tmp_path, "provinces") == {"map": "Map of provinces."}
    assert alternative_texts(tmp_path, "cities") == {"map": "Map of cities."}


PLANTED = "</script><script>document.title = 'planted'</script><!--<script>"
SNAKEFILE = """
from aigreen_study.run.workflow import show_in_report

rule all:
    default_target: True
    input: "results/s/tables/main.html"

rule draw:
    params: config={"title": TITLE}
    output: "results/s/tables/main.html"
    script: "draw.py"

rule paper:
    input: rules.draw.output

show_in_report(workflow, workflow.basedir, "results/s")
"""
SCRIPT = "from pathlib import Path\nPath(snakemake.output[0]).write_text('<p>Table</p>')\n# {}\n"


def test_a_script_planted_in_a_title_stays_text_in_the_report(tmp_path, repository):
    (tmp_path / "Snakefile").write_text(f"TITLE = {PLANTED!r}\n{SNAKEFILE}", encoding="utf-8")
    (tmp_path / "draw.py").write_text(SCRIPT.format(PLANTED), encoding="utf-8")
    sections = tmp_path / "paper/sections"
    sections.mkdir(parents=True)
    environment = os.environ | {"PYTHONPATH": str(repository / "src")}
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    for options in ([], ["--report", "report.html"]):
        run = subprocess.run([*snakemake, *options], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr[-2000:]
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "planted" in text
    # What a browser takes for scripts: as many begin as Snakemake's page has, and none has what was planted as code.
    parser = Scripts()
    parser.feed(text)
    named = {name: body for name, body in parser.found if name}
    assert {"results", "rules", "categories", "metadata"} <= set(named)
    assert [body for name, body in parser.found if "planted" in body and not name] == []
    assert not any("<" in named[name] for name in ("results", "categories", "rules"))
    (result,) = json.loads(named["results"].partition("=")[2].strip().rstrip(";")).values()
    assert PLANTED in result["job_properties"]["params"].replace('\\"', '"')


class Scripts(HTMLParser):
    """Name and content of each script of a page."""

    def __init__(self):
        super().__init__()
        self.found, self.inside = [], False

    def handle_starttag(self, tag, attributes):
        if tag == "script":
            self.inside = True
            self.found.append([dict(attributes).get("id"), ""])

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"

    def handle_data(self, data):
        if self.inside:
            self.found[-1][1] += data


SCATTERED = """
rule page:
    input: "results/s/tables/main.html"

rule table:
    input: data="data.csv", blocks=expand("results/s/blocks/{k}", k=range(int(config["study"])))
    output: "results/s/tables/main.html"
    script: "draw.py"

rule block:
    input: data="data.csv"
    output: "results/s/blocks/{k}"
    script: "draw.py"
"""


def test_the_number_of_blocks_is_not_in_the_provenance(tmp_path):
    (tmp_path / "Snakefile").write_text(SCATTERED, encoding="utf-8")
    (tmp_path / "draw.py").touch()
    two, three = (exhibit_graph(load_workflow(tmp_path, n), tmp_path, "results/s") for n in ("2", "3"))
    job = {"rule": "table", "script": "draw.py", "inputs": {"data": ["data.csv"]}}
    assert two == {"shown": ["results/s/tables/main.html"], "jobs": [{**job, "outputs": {"0": two["shown"]}}]}
    assert three == two
