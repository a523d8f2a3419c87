"""The list of exhibits in the docs is the one that the workflow gives."""

from aigreen_study.commands.exhibits import END, START, listed, open_studies


def test_the_docs_have_the_generated_table(repository, monkeypatch):
    monkeypatch.chdir(repository)
    text = (repository / "docs/exhibits.md").read_text(encoding="utf-8")
    shown = text.partition(START)[2].partition(END)[0].strip()
    assert shown == listed(repository, open_studies(repository)).strip(), "run `aigreen exhibits --write-docs`"
    studies = "cities, city-industries, ets-firms, provinces, simulated-firms, us-facilities, us-listed-firms"
    assert f"| `tables/baseline` | {studies} | `render_columns` |" in shown
