"""The README's list of exhibits is the one that the workflow gives."""

from aigreen_study.commands.exhibits import END, START, listed, open_studies


def test_the_readme_has_the_generated_table(repository, monkeypatch):
    monkeypatch.chdir(repository)
    readme = (repository / "README.md").read_text(encoding="utf-8")
    shown = readme.partition(START)[2].partition(END)[0].strip()
    assert shown == listed(repository, open_studies(repository)).strip(), "run `aigreen exhibits --write-readme`"
    studies = "cities, city-industries, ets-firms, provinces, simulated-firms, us-facilities"
    assert f"| `tables/baseline` | {studies} | `render_columns` |" in shown
