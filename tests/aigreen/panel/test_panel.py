import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from aigreen import Panel
from aigreen.errors import (
    CohortVariesError,
    CollinearWarning,
    DataError,
    DuplicateRowsError,
    EmptyDataError,
    InfiniteValueError,
    MissingRowsWarning,
    MissingValueError,
    MixedTypeError,
    NonNumericError,
    TooFewPeriodsError,
    UnknownColumnError,
    WeightsError,
)
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts


def frame():
    return pd.DataFrame(
        {
            "firm": np.repeat(["c", "a", "b", "d"], 3),
            "year": [2003, 2001, 2002] * 4,
            "first": np.repeat([2002, 0, 2003, 0], 3),
            "city": np.repeat([10, 20, 10, 20], 3),
            "y": np.arange(12.0),
            "w": 1.0,
            "size": np.repeat(["large", "small", "small", None], 3),
        }
    )


def panel(df=None, **options):
    return Panel(frame() if df is None else df, **{"unit": "firm", "time": "year", "cohort": "first"} | options)


def test_rows_are_coded_and_sorted_by_unit_and_time():
    df = frame()
    before = df.copy()
    p = panel(df, cluster="city", weights="w")
    assert p.units.tolist() == ["a", "b", "c", "d"] and p.times.tolist() == [2001, 2002, 2003]
    np.testing.assert_array_equal(p.unit_codes, np.repeat([0, 1, 2, 3], 3))
    np.testing.assert_array_equal(p.time, [2001, 2002, 2003] * 4)
    np.testing.assert_array_equal(p.unit_cohort, [np.inf, 2003, 2002, np.inf])
    np.testing.assert_array_equal(p.column("y"), [4, 5, 3, 7, 8, 6, 1, 2, 0, 10, 11, 9])
    np.testing.assert_array_equal(p.treated, [0] * 5 + [1, 0, 1, 1] + [0] * 3)
    assert p.clusters.tolist() == [10, 20] and p.cluster_codes[::3].tolist() == [1, 0, 0, 1]
    assert (p.n_rows, p.n_units, p.n_periods, p.n_clusters, p.balanced) == (12, 4, 3, 2, True)
    assert p.cohorts.tolist() == [2002, 2003] and p.cluster_nested
    assert "4 units ('firm')" in repr(p) and "2 ever treated in 2 cohorts" in repr(p)
    pd.testing.assert_frame_equal(df, before)


@pytest.mark.parametrize("never", [0, np.inf, np.nan])
def test_never_treated_codes(never):
    df = frame()
    df["first"] = df["first"].astype(float).replace(0.0, never)
    np.testing.assert_array_equal(panel(df).unit_cohort, [np.inf, 2003, 2002, np.inf])


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float64", "int32", "int64[pyarrow]", "double[pyarrow]"])
def test_nullable_and_arrow_dtypes(dtype):
    df = frame()
    df["first"] = df["first"].astype(dtype)
    df["y"] = df["y"].astype(dtype)
    if dtype not in {"int32"}:
        df.loc[1, "y"] = None
    if dtype in {"Int64", "int64[pyarrow]"}:
        df["first"] = df["first"].where(df["first"] > 0)
    p = panel(df)
    np.testing.assert_array_equal(p.unit_cohort, [np.inf, 2003, 2002, np.inf])
    assert p.column("y").dtype == np.float64 and np.isnan(p.column("y")).sum() == (dtype != "int32")


@pytest.mark.parametrize(
    "convert",
    [
        lambda df: pytest.importorskip("polars").from_pandas(df),
        lambda df: pa.Table.from_pandas(df, preserve_index=False),
        lambda df: df.astype({"firm": "category"}),
        lambda df: df.astype({"firm": "string"}),
        lambda df: df.convert_dtypes(dtype_backend="pyarrow"),
    ],
    ids=["polars", "arrow", "category", "string", "pyarrow dtypes"],
)
def test_other_frames_give_the_same_arrays(convert):
    ours, expected = panel(convert(frame()), cluster="city"), panel(cluster="city")
    assert ours.units.tolist() == expected.units.tolist()
    for name in ("unit_codes", "time_codes", "cluster_codes", "unit_cohort"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(expected, name))
    np.testing.assert_array_equal(ours.column("y"), expected.column("y"))
    assert list(ours.split("size")) == ["large", "small"]


def test_unused_categories_make_no_units_or_clusters():
    df = frame()
    df["city"] = pd.Categorical(df.city, categories=[5, 10, 20, 30])
    assert panel(df, cluster="city").clusters.tolist() == [10, 20]


def test_unsupported_frames_are_named():
    with pytest.raises(DataError, match="list"):
        panel([1, 2])
    df = frame()
    with pytest.raises(DataError, match="1 column names occur twice; first: y"):
        panel(pd.concat([df, df[["y"]]], axis=1))


def test_relations_of_duckdb_are_read():
    duckdb = pytest.importorskip("duckdb")
    data = frame()
    panel = Panel(duckdb.from_df(data), unit="firm", time="year", cohort="first")
    same = Panel(data, unit="firm", time="year", cohort="first")
    np.testing.assert_array_equal(panel.column("y"), same.column("y"))
    np.testing.assert_array_equal(panel.unit_cohort, same.unit_cohort)


def test_lazy_frames_must_be_collected():
    polars = pytest.importorskip("polars")
    with pytest.raises(DataError, match=r"LazyFrame.*collect"):
        panel(polars.from_pandas(frame()).lazy())


def test_unknown_columns_suggest_the_nearest_name():
    with pytest.raises(UnknownColumnError, match=r"unit: no column 'frim' \(did you mean 'firm'\?\)"):
        panel(unit="frim")
    with pytest.raises(UnknownColumnError, match="did you mean 'size'"):
        panel().split("sise")
    with pytest.raises(UnknownColumnError, match=r"no column 'zzz'$"):
        panel().column("zzz")


def test_duplicate_rows():
    df = pd.concat([frame(), frame().iloc[[4, 5]]])
    with pytest.raises(
        DuplicateRowsError, match=r"'firm', 'year': 2 duplicate rows.*\(a, 2001\), \(a, 2002\)"
    ) as caught:
        panel(df)
    assert caught.value.count == 2


def test_cohort_varies_within_units():
    df = frame()
    df.loc[0, "first"] = 2001
    with pytest.raises(CohortVariesError, match="'first' varies within 1 unit; first: c"):
        panel(df)


@pytest.mark.parametrize(("value", "count"), [(2002.5, 3), (-1, 3)])
def test_cohorts_must_be_periods(value, count):
    df = frame()
    df["first"] = df["first"].astype(float).where(df.firm != "a", value)
    with pytest.raises(DataError, match=f"'first': {count} values are not periods") as caught:
        panel(df)
    assert caught.value.count == count


def test_missing_and_infinite_keys():
    for name in ("firm", "city"):
        df = frame().astype({name: object})
        df.loc[2, name] = None
        with pytest.raises(MissingValueError, match=f"'{name}': 1 missing values; first: row 2"):
            panel(df, cluster="city")
    for value, error in ((np.nan, MissingValueError), (np.inf, InfiniteValueError), (2001.5, DataError)):
        df = frame().astype({"year": float})
        df.loc[3, "year"] = value
        with pytest.raises(error, match="'year': 1 "):
            panel(df)
    with pytest.raises(NonNumericError, match="'year'"):
        panel(frame().assign(year="y" + frame().year.astype(str)))
    with pytest.raises(
        NonNumericError, match=r"\(dates in text: read the column by pandas.to_datetime\); first: '2003-12-31'"
    ):
        panel(frame().assign(year=frame().year.astype(str) + "-12-31"))
    with pytest.raises(NonNumericError, match=r"\(quarters in text: read the column by pandas.PeriodIndex"):
        panel(frame().assign(year=frame().year.astype(str) + "Q1"))


def test_mixed_type_ids():
    df = frame().astype({"firm": object})
    df.loc[df.firm == "a", "firm"] = 7
    with pytest.raises(MixedTypeError, match=r"'firm' mixes types \(int, str\); 3 are int; first: 7"):
        panel(df)


def test_empty_frames_and_single_periods():
    with pytest.raises(EmptyDataError):
        panel(frame().iloc[:0])
    with pytest.raises(TooFewPeriodsError, match="1 period"):
        panel(frame()[frame().year == 2001])
    with pytest.raises(EmptyDataError):
        panel()[np.zeros(12, dtype=bool)]


def test_outcomes_must_be_finite_numbers():
    df = frame()
    df.loc[4, "y"] = np.inf
    with pytest.raises(InfiniteValueError, match=r"'y': 1 infinite values; first: \(a, 2001\)"):
        panel(df).column("y")
    df = frame().astype({"y": object})
    df.loc[5, "y"] = "n/a"
    with pytest.raises(NonNumericError, match="1 values cannot be used; first: 'n/a'"):
        panel(df).column("y")
    assert np.isnan(panel(frame().assign(z=None)).column("z")).all()
    assert panel(frame().assign(z=True)).column("z").sum() == 12


def test_object_columns_of_numbers_count_as_numbers():
    df = frame().astype({"first": object, "y": object})
    df["first"] = df["first"].where(df["first"] > 0, None)
    df.loc[3, "y"] = None
    np.testing.assert_array_equal(panel(df).unit_cohort, [np.inf, 2003, 2002, np.inf])
    assert np.isnan(panel(df).column("y")).sum() == 1


def test_a_column_named_class_is_a_column_like_others():
    df = frame().rename(columns={"y": "class", "firm": "def"})
    assert Panel(df, unit="def", time="year", cohort="first").column("class").sum() == 66


def test_weights():
    for value, error, what in (
        (np.nan, WeightsError, "1 missing weights"),
        (-1.0, WeightsError, "1 negative"),
        (np.inf, InfiniteValueError, "1 infinite"),
    ):
        df = frame()
        df.loc[4, "w"] = value
        with pytest.raises(error, match=rf"'w': {what}.*\(a, 2001\)"):
            panel(df, weights="w")
    with pytest.raises(WeightsError, match="all weights are zero"):
        panel(frame().assign(w=0), weights="w")


def test_complete_counts_what_it_leaves_out():
    df = frame()
    df.loc[[0, 4], "y"] = np.nan
    dropped = Dropped()
    with pytest.warns(MissingRowsWarning, match=r"2 rows left out: missing y; first: \(a, 2001\), \(c, 2003\)"):
        view = panel(df).complete(["y", "w"], dropped)
    assert view.n_rows == 10 and not view.balanced
    assert dropped.to_frame().values.tolist() == [["rows", "missing y", 2, "(a, 2001), (c, 2003)"]]
    assert panel(df).complete(["w"], dropped).n_rows == 12 and len(dropped.to_frame()) == 1
    with pytest.raises(EmptyDataError, match="every row has a missing value in y"):
        panel(df.assign(y=np.nan)).complete(["y"], dropped)


def test_views_keep_the_clusters_of_the_root():
    df = frame()
    root = panel(df, cluster="city", weights="w")
    view = root[df.firm.isin(["a", "d"])]
    assert view.units.tolist() == ["a", "d"] and view.clusters is root.clusters and view.n_clusters == 1
    assert view.cluster_codes.tolist() == [1] * 6 and view.weights.tolist() == [1.0] * 6
    np.testing.assert_array_equal(view.column("y"), [4, 5, 3, 10, 11, 9])
    again = view[view.time > 2001]
    np.testing.assert_array_equal(again.column("y"), [5, 3, 11, 9])
    assert again.times.tolist() == [2002, 2003] and again.unit_first.tolist() == [0, 2]
    assert view.codes("firm")[1].tolist() == ["a", "d"] and view.labels([0]) == ["(a, 2001)"]


def test_masks_follow_the_frame_or_its_index():
    df = frame()
    mask = df.y > 5
    expected = [7, 8, 6, 10, 11, 9]
    np.testing.assert_array_equal(panel(df)[mask].column("y"), expected)
    np.testing.assert_array_equal(panel(df)[mask.to_numpy()].column("y"), expected)
    np.testing.assert_array_equal(panel(df)[mask.sample(frac=1, random_state=1)].column("y"), expected)
    np.testing.assert_array_equal(panel(df)[mask.astype("boolean").where(mask)].column("y"), expected)
    for bad in (mask.to_numpy()[:5], np.arange(12)):
        with pytest.raises(DataError, match="boolean array of length 12"):
            panel(df)[bad]


def test_values_go_to_panel_order_and_back_to_the_frame():
    df = frame().sample(frac=1, random_state=3)
    p = panel(df)
    y = p.in_panel_order(df["y"].to_numpy())
    assert y.tolist() == p.column("y").tolist() == [4.0, 5.0, 3.0, 7.0, 8.0, 6.0, 1.0, 2.0, 0.0, 10.0, 11.0, 9.0]
    assert p.in_panel_order(df[["y"]].to_numpy())[:, 0].tolist() == y.tolist()
    assert p.in_frame_order(y).to_dict() == df["y"].to_dict()


def test_cut_takes_a_mask_in_panel_order_and_brackets_one_in_frame_order():
    df = frame().sample(frac=1, random_state=3)
    p = panel(df, cluster="city", weights="w")
    keep = p.column("y") > 6
    cut = p.cut(keep)
    assert cut.column("y").tolist() == [7.0, 8.0, 10.0, 11.0, 9.0]
    assert cut.column("y").tolist() == p[df["y"].to_numpy() > 6].column("y").tolist()
    assert cut.units.tolist() == ["b", "d"] and cut.clusters.tolist() == [10, 20]
    with pytest.raises(EmptyDataError):
        p.cut(keep & False)


def test_reweight_changes_weights_only():
    p = panel(frame().sample(frac=1, random_state=3), weights="w")
    other = p.reweight(np.arange(12.0))
    assert other.weights.tolist() == list(range(12)) and p.weights.tolist() == [1.0] * 12
    assert other.cut(other.weights > 9).column("y").tolist() == p.column("y")[10:].tolist()


def test_facts_of_a_result_count_the_rows_used():
    p = panel(cluster="city")
    dropped = Dropped()
    with pytest.warns(CollinearWarning, match="1 covariate left out: determined by fixed effects and others"):
        dropped.collinear(["a", "b", "c"], [True, False, True])
    facts = result_facts(p, np.array([0, 1, 1, 6]), "y", dropped, t_intervals=True)
    assert [facts[key] for key in ("n_rows", "n_units", "n_clusters", "df", "outcome")] == [4, 2, 2, 1, "y"]
    assert facts["dropped"]["first"].tolist() == ["b"] and facts["clusters"] is p.clusters
    assert result_facts(p, np.array([0, 1]), "y", dropped)["df"] is None


def test_split_keeps_the_order_of_categories():
    sizes = pd.Categorical(["small", "large"] * 6, categories=["small", "large", "huge"], ordered=True)
    assert list(panel(frame().assign(size=sizes)).split("size")) == ["small", "large"]


def test_a_frame_without_columns_is_empty():
    with pytest.raises(EmptyDataError, match="no rows"):
        Panel(pd.DataFrame(), unit="firm", time="year")


def test_split_leaves_out_missing_values_and_aligns_clusters():
    root = panel()
    parts = root.split("size")
    assert list(parts) == ["large", "small"] and [p.n_units for p in parts.values()] == [1, 2]
    assert all(p.clusters is root.clusters for p in parts.values())
    with pytest.raises(MixedTypeError, match="'size' mixes types"):
        panel(frame().assign(size=[1, "a"] * 6)).split("size")
    assert parts["small"].clusters[parts["small"].cluster_codes].unique().tolist() == ["a", "b"]


def test_units_that_move_between_clusters():
    df = frame()
    df.loc[0, "city"] = 20
    assert not panel(df, cluster="city").cluster_nested


def test_with_frame_changes_columns_only():
    df = frame()
    p = panel(df)
    other = p.with_frame(df.assign(y=-df["y"], z=2 * df["y"]))
    assert other.column("y").tolist() == (-p.column("y")).tolist()
    assert other.column("z").tolist() == (2 * p.column("y")).tolist()
    assert other.unit_codes is p.unit_codes
    assert "z" not in p.frame
    with pytest.raises(DataError, match="a frame of the same 12 rows is needed, got 11"):
        p.with_frame(df[1:])


def test_reassign_changes_cohorts_only():
    root = panel()
    placebo = root.reassign(np.array([2002, np.inf, np.inf, 2003]))
    assert placebo.treated.tolist() == [False, True, True] + [False] * 8 + [True]
    np.testing.assert_array_equal(root.unit_cohort, [np.inf, 2003, 2002, np.inf])
    for bad in (np.ones(3), np.array([np.nan, 1, 1, 1])):
        with pytest.raises(DataError, match="each of 4 units"):
            root.reassign(bad)


def test_clean_rows_are_treated_or_exposed_to_nothing() -> None:
    df = pd.DataFrame({"i": [1, 1, 2, 2, 3, 3], "t": [1, 2] * 3, "g": [2, 2, 0, 0, 0, 0]})
    df = df.assign(near=[0, 1, 0, 1, 0, 0], far=[0, 0, 0, 0, np.nan, 0.5])
    panel = Panel(df, unit="i", time="t", cohort="g")
    assert panel.clean("near").labels(range(5)) == ["(1, 1)", "(1, 2)", "(2, 1)", "(3, 1)", "(3, 2)"]
    both = panel.clean(["near", "far"])
    assert both.labels(range(len(both))) == ["(1, 1)", "(1, 2)", "(2, 1)"]
    assert both.clusters is panel.clusters


def test_a_quantity_is_not_split_by_its_values():
    df = pd.DataFrame({"firm": np.repeat(np.arange(60), 2), "year": [2001, 2002] * 60, "size": np.arange(120) + 0.5})
    with pytest.raises(DataError, match=r"column 'size' has 120 values, fractions among them.*pd.qcut.*first: 0.5"):
        Panel(df, unit="firm", time="year").split("size")
    assert len(Panel(df.assign(size=df["size"] + 0.5), unit="firm", time="year").split("size")) == 120
    assert len(Panel(df[:100], unit="firm", time="year").split("size")) == 100
