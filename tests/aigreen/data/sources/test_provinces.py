import numpy as np
import pandas as pd
import pytest

from aigreen.data.assemble.provinces import provinces as assemble
from aigreen.data.sources.provinces import provinces
from aigreen.errors import SourceError, UnreadableFileError

FILE = "data/cn_province_greenpatent_greenfinance/final_data.1.3.4_did.csv"


@pytest.fixture(scope="module")
def path(shared):
    return shared / FILE


@pytest.fixture(scope="module")
def tidy(path):
    return provinces(path)


@pytest.fixture
def altered(path, tmp_path):
    def write(change):
        raw = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
        target = tmp_path / "altered.csv"
        change(raw).to_csv(target, index=False, encoding="utf-8-sig")
        return target

    return write


def test_shape_and_keys(tidy):
    assert tidy.shape == (744, 17)
    assert tidy["province_code"].nunique() == 31
    assert tidy.groupby("province_code")["year"].agg(["min", "max", "size"]).drop_duplicates().to_numpy().tolist() == [
        [2000, 2023, 24]
    ]
    assert not tidy.duplicated(["province_code", "year"]).any()


@pytest.mark.parametrize(
    ("code", "year", "invention", "utility"),
    [("440000", 2023, 26996, 21662), ("110000", 2020, 19783, 9047), ("610000", 2023, 4572, 4356),
     ("140000", 2023, 1543, 1941), ("540000", 2004, 0, 1), ("150000", 2000, None, None)],
)  # fmt: skip
def test_values(tidy, code, year, invention, utility):
    row = tidy[(tidy["province_code"] == code) & (tidy["year"] == year)].iloc[0]
    if invention is not None:
        assert (row["green_invention_patents"], row["green_utility_patents"]) == (invention, utility)
    assert row["province"] == {"44": "Guangdong", "11": "Beijing", "61": "Shaanxi", "14": "Shanxi", "54": "Tibet",
                               "15": "Inner Mongolia"}[code[:2]]  # fmt: skip


def test_missing_cells_are_where_the_documentation_says(tidy):
    assert tidy.isna().sum().loc[lambda n: n > 0].to_dict() == {
        "coal_share": 144,
        "industrial_so2": 24,
        "industrial_wastewater": 24,
        "urban_share": 155,
        "environment_expenditure_share": 217,
    }
    coal = tidy[tidy["coal_share"].notna()]
    assert (coal["year"].min(), coal["year"].max(), coal["province"].nunique()) == (2003, 2022, 30)


def test_one_error_lists_all_missing_columns(altered):
    path = altered(lambda raw: raw.rename(columns={"gf_index": "gf_indx"}).drop(columns="sec_val").drop(columns="year"))
    with pytest.raises(SourceError, match=r"2 missing columns: year.*gf_index \(nearest: gf_indx\)"):
        provinces(path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("green_invention_patents", "n/a!", r"column green_invention_patents: 1 cells.*'n/a!' in data row 4"),
        ("green_utility_patents", "3.5", "green_utility_patents: 1 cells are not whole numbers"),
        ("sec_pctg", "41.2", "sec_pctg: 1 cells are not numbers from 0 to 1"),
        ("gdp", None, "gdp: 1 cells"),
        ("province", "Guandong", r"1 unknown provinces: 'Guandong' \(did you mean 'Guangdong'\?\)"),
        ("year", "2001", "1 rows repeat province and year; first: Shanghai 2001"),
    ],
)
def test_bad_cells_are_named(altered, column, value, message):
    def change(raw):
        raw.loc[3 if column != "year" else 0, column] = value
        return raw

    with pytest.raises(SourceError, match=message):
        provinces(altered(change))


def test_panel_cohorts_and_flow(tidy):
    panel = assemble(tidy)
    zone = panel.frame.drop_duplicates("province_code")["zone_year"]
    assert zone.value_counts().to_dict() == {2019.0: 6, 2020.0: 5, 2021.0: 5}
    assert zone.isna().sum() == 15
    assert panel.frame["treated"].sum() == 6 * 5 + 5 * 4 + 5 * 3
    assert panel.flow["n_rows"].tolist() == [744, 738, 738, 738]
    assert panel.flow["dropped"].tolist() == [0, 6, 0, 0]
    assert panel.flow["n_units"].tolist() == [31, 31, 31, 31]


def test_panel_can_keep_the_filled_counts(tidy):
    kept, default = assemble(tidy, drop_filled=False).frame, assemble(tidy).frame
    lost = kept.merge(default[["province_code", "year"]], how="left", indicator=True).query("_merge == 'left_only'")
    assert set(lost["province"]) == {"Tibet"}
    assert lost["year"].tolist() == [2000, 2001, 2002, 2003, 2006, 2007]
    assert set(lost["green_invention_patents"]) == {440}


def test_panel_columns_are_computed_as_the_codebook_says(tidy):
    panel = assemble(tidy)
    assert list(panel.codebook["column"]) == list(panel.frame.columns)
    merged = panel.frame.merge(tidy, on=["province_code", "year"], suffixes=("", "_raw"))
    for outcome in ("green_invention_patents", "green_utility_patents"):
        np.testing.assert_allclose(np.expm1(merged[f"{outcome}_log"]), merged[f"{outcome}_raw"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.exp(merged["ln_gdp"]), merged["gdp"], rtol=1e-12)


def test_panel_leaves_its_input_alone(tidy):
    before = tidy.copy()
    assemble(tidy)
    pd.testing.assert_frame_equal(tidy, before)


def test_exposure_counts_zones_of_others(tidy):
    last = assemble(tidy).frame.query("year == 2023").set_index("province")
    near, border = last["near_zones_300km"], last["neighbour_zones"]
    assert near[["Shanghai", "Jiangsu", "Hebei", "Xinjiang"]].tolist() == [3, 4, 3, 0]
    untreated = last["treated"] == 0
    assert sorted(near[untreated & (near > 0)].index) == ["Hebei", "Jiangxi", "Jilin"]
    assert sorted(border[untreated & (border == 0)].index) == ["Hainan", "Xinjiang"]
    assert (border["Anhui"], border["Inner Mongolia"], border["Shanghai"]) == (5, 3, 2)
    assert (assemble(tidy).frame.query("year < 2019")[["near_zones_300km", "neighbour_zones"]] == 0).all(axis=None)


def test_a_folder_in_the_place_of_the_file(tmp_path):
    with pytest.raises(UnreadableFileError, match="a folder, not a utf-8 csv table"):
        provinces(tmp_path)
