"""Find numbers that are typed by hand: in the sections of the paper, and in the text of its PDF."""

from __future__ import annotations

import argparse
from pathlib import Path

from aigreen_study.config import CONFIG, DEFAULT, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study."""
    parser.add_argument("--study", default=DEFAULT, help="study whose paper is meant (default: %(default)s)")


def run(given: argparse.Namespace) -> int:
    """Check all sections, count the numbers of the typeset paper by source, and print those from nowhere."""
    from aigreen_study.paper.paper import typeset
    from aigreen_study.trust.accepted import built_files
    from aigreen_study.trust.lint import check_sections, pdf_pages, section_titles, trace

    project = Path.cwd()
    built_files(project, given.study)
    sections = sorted(project.glob("paper/sections/*.typ"))
    check_sections(sections, project)
    config = read_config({"study": given.study}, project / CONFIG)
    results = project / "results" / given.study
    titles = section_titles(sections)
    traced = trace(lambda masks: pdf_pages(typeset(config, results, root=project, masks=masks)), titles)
    for words in traced.untraced:
        print(f"untraced: {words}")
    print(f"{given.study}: {traced}")
    return 1 if traced.untraced else 0
