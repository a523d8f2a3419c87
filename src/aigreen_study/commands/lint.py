"""Find numbers that are typed by hand: in the sections of the paper, and in the text of its PDF."""

from __future__ import annotations

import argparse
from pathlib import Path

from aigreen_study.config import MEANT, default_study
from aigreen_study.run.project import sources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study."""
    parser.add_argument("--study", help=f"study whose paper is meant {MEANT}")


def run(given: argparse.Namespace) -> int:
    """Check all sections, count the numbers of the typeset paper by source, and print those from nowhere."""
    from aigreen_study.own.paper import paper_config
    from aigreen_study.paper.paper import typeset
    from aigreen_study.trust.accepted import built_files
    from aigreen_study.trust.lint import check_sections, pdf_pages, section_titles, trace

    study = given.study or default_study()
    project, papers = Path.cwd(), sources()
    built_files(project, study)
    sections = sorted(papers.glob("paper/sections/*.typ"))
    check_sections(sections, papers)
    config = paper_config(study, papers)
    results = project / "results" / study
    titles = section_titles(sections)
    traced = trace(
        lambda masks: pdf_pages(typeset(config, results, root=papers, masks=masks)),
        titles,
        config.get("language", "en"),
    )
    for words in traced.untraced:
        print(f"untraced: {words}")
    print(f"{study}: {traced}")
    return 1 if traced.untraced else 0
