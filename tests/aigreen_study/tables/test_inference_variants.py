"""The table of one estimate under many errors."""

from dataclasses import replace

import numpy as np

from aigreen.inference.variants import Variant
from aigreen_study.tables.inference_variants import inference_table


def test_an_interval_without_an_end_is_explained():
    variant = Variant(key="city", group="Clusters", label="City", low=-0.1, high=0.3, p=0.2, std_error=0.1)
    both = inference_table([variant], estimate=0.1, level=0.95, notes="A note.")
    assert both.remarks.endswith(" A note.")
    table = inference_table([variant, replace(variant, high=np.inf)], estimate=0.1, level=0.95, notes="A note.")
    assert [cell.text for cell in table.rows[1].cells[1:3]] == ["\N{MINUS SIGN}0.100", "none"]
    assert table.remarks.endswith("A note. None: no value is far enough to be rejected, or too few clusters tell.")
