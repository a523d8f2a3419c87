"""docs/faults.md lists the faults that the tests put in."""


def test_the_page_lists_the_faults(faults, page):
    assert all(page.get(what, ("",))[0] == expected for what, expected in faults.items()), "rewrite docs/faults.md"
    assert len(page) >= 40
    assert all(text for _, text in page.values())
