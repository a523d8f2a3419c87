"""The names of the library: offered by its stub, imported when they are asked for, and none hides a module."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import aigreen

HEAVY = ("pandas", "scipy", "matplotlib", "pyfixest")


def test_every_name_is_there_and_comes_from_where_the_stub_says():
    assert len(aigreen.__all__) == 24
    assert set(aigreen.__all__) <= set(dir(aigreen))
    for name in aigreen.__all__:
        assert getattr(aigreen, name).__name__ == name
    assert aigreen.TWFE is import_module("aigreen.regression.twfe").TWFE


def test_no_name_is_that_of_a_module_which_would_hide_it():
    folder = Path(aigreen.__file__).parent
    assert not {path.stem for path in folder.iterdir()} & set(aigreen.__all__)


def test_a_name_that_the_library_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'aigreen' has no attribute 'Pannel'"):
        _ = aigreen.Pannel


@pytest.mark.parametrize(
    "module",
    ["run.workflow", "specification.registry", "paper.paper", "trust.provenance", "numbers.ledger", "site.build"],
)
def test_what_plans_and_sets_type_loads_no_library_of_numbers(module):
    code = f"import sys, aigreen_study.{module}; print([name for name in {HEAVY} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_a_two_way_regression_loads_no_more_of_pyfixest_than_its_projections():
    code = (
        "import sys, pandas as pd\nfrom aigreen import TWFE, Panel\n"
        "df = pd.DataFrame({'firm': list('aabb'), 'year': [1, 2] * 2, 'first': [2, 2, 0, 0], 'y': [1.0, 4, 1, 2]})\n"
        "print(TWFE().fit(Panel(df, unit='firm', time='year', cohort='first'), 'y').values)\n"
        "print([name for name in ('pyfixest.estimation', 'polars', 'maketables') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[2.]\n[]\n"
