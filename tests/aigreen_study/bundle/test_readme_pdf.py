"""README.pdf says what README.md says, whatever stands in it."""

import io

from pypdf import PdfReader

from aigreen_study.bundle.readme_pdf import readme_pdf

README = """\
# Data and Code for: A_b *c* #d

A line with `code_of/a` and **bold** and $x$ @y <z> [w] \\alpha and "quotes".

- [x] Ticked
- [ ] Not ticked
  - inner

| Left | Right |
|---|---:|
| `a` | 1\\|2 |
| short |

```sh
python3 run.py paper
# no heading
```

## Last heading
https://example.org/a_b.
"""


def test_every_kind_of_block_is_set_and_nothing_is_taken_for_markup():
    content = readme_pdf(README)
    assert content == readme_pdf(README)
    text = PdfReader(io.BytesIO(content)).pages[0].extract_text().replace("\u200b", "")
    for line in (
        "Data and Code for: A_b *c* #d",
        'A line with code_of/a and bold and $x$ @y <z> [w] \\alpha and "quotes".',
        "\u2612 Ticked",
        "\u2610 Not ticked",
        "\u2022 inner",
        "Left Right",
        "a 1|2",
        "short",
        "python3 run.py paper",
        "# no heading",
        "Last heading",
        "https://example.org/a_b.",
    ):
        assert line in text, line
