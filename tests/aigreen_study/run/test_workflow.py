from aigreen_study.run.workflow import alternative_texts


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
