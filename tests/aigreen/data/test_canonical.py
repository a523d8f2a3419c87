import pandas as pd
import pytest

from aigreen.data import canonical
from aigreen.errors import DataError, OptionError, TableError


@pytest.fixture
def links():
    return pd.DataFrame(
        {
            "firm_id": ["000002", "000001"],
            "year": [2019, 2019],
            "direction": ["customer", "supplier"],
            "rank": [1, 1],
            "partner_id": pd.Series(["000001", None], dtype="str"),
            "partner_name": pd.Series([None, None], dtype="str"),
            "masked": pd.array([False, True], "boolean"),
            "share": [0.5, None],
        }
    )


def test_rows_are_sorted_and_the_frame_left_alone(links):
    before = links.copy()
    done = canonical.check("links", links[links.columns[::-1]])
    assert list(done.columns) == list(links.columns)
    assert done["firm_id"].tolist() == ["000001", "000002"]
    pd.testing.assert_frame_equal(links, before)


@pytest.mark.parametrize(
    ("change", "column", "count", "words"),
    [
        (lambda d: d.assign(share=[1.5, 2.0]), "share", 2,
         r"table links.share: fails less_than_or_equal_to\(1\).*000001 2019 supplier 1: 2.0"),
        (lambda d: d.assign(firm_id=["1", "000001"]), "firm_id", 1, r"links.firm_id: fails str_matches"),
        (lambda d: d.assign(direction=["client", "supplier"]), "direction", 1, "'client'"),
        (lambda d: d.assign(year=[2019.0, 2019.0]), "year", 2, "is float64, expected int64"),
        (lambda d: d.assign(year=pd.array([2019, None], "Int64")), "year", 1, "is missing"),
        (lambda d: pd.concat([d, d]).assign(rank=[1, 9, 2, 9]), "firm_id, year, direction, rank", 1, "repeat the key"),
        (lambda d: pd.concat([d, d]).assign(share=2.0), "firm_id, year, direction, rank", 2, "repeat the key"),
        (lambda d: d.assign(masked=pd.array([None, True], "boolean")), "masked", 1, "is missing"),
        (lambda d: d.drop(columns="share"), "share", 1, r"lacks columns \(1\); first: share"),
        (lambda d: d.assign(extra=1), "extra", 1, "unknown columns"),
        (lambda d: pd.concat([d, d]), "firm_id, year, direction, rank", 2,
         "repeat the key.*first: 000001 2019 supplier 1"),
    ],
)  # fmt: skip
def test_faults_become_one_typed_error(links, change, column, count, words):
    with pytest.raises(TableError, match=words) as caught:
        canonical.check("links", change(links))
    assert isinstance(caught.value, DataError)
    assert (caught.value.table, caught.value.column, caught.value.count) == ("links", column, count)


def test_parts_of_a_table():
    part = pd.DataFrame({"firm_id": ["000001"], "year": [2019], "cash": [5.0]})
    assert canonical.check("firm_years", part, partial=True).shape == (1, 3)
    with pytest.raises(TableError, match="lacks columns"):
        canonical.check("firm_years", part)
    whole = canonical.check("firm_years", canonical.completed("firm_years", part))
    assert whole.shape == (1, len(canonical.schema("firm_years").columns))
    with pytest.raises(TableError, match=r"firm_years\.year"):
        canonical.check("firm_years", part.drop(columns="year"), partial=True)


def test_every_column_has_a_description_and_a_unit():
    book = canonical.describe()
    assert set(book["table"]) == set(canonical.names())
    assert (book["description"].str.len() > 3).all()
    assert (book["unit"].str.len() > 0).all()
    assert not book.duplicated(["table", "column"]).any()
    assert not book.loc[book["key"], "may_miss"].any()


def test_unknown_table():
    with pytest.raises(OptionError, match="did you mean 'patents'"):
        canonical.schema("patent")
