"""Columns of the canonical tables: dtype, description, unit, range; and the key of each table.

Identifiers are text (leading zeros matter), dates are ``datetime64[us]`` without a zone, measured quantities
``float64``, counts that may be unknown ``Int64``. Several symbols in one cell are joined by `SEPARATOR`.
"""

from __future__ import annotations

import pandera.pandas as pa

SEPARATOR = ";"
FIRM_ID = r"^\d{6}$"
CITY_CODE = r"^\d{6}$"
FIRST_YEAR, LAST_YEAR = 1985, 2100
PATENT_TYPES = ("invention", "utility_model", "design")
DIRECTIONS = ("customer", "supplier")
STAFF_STRUCTURES = ("education", "profession", "age", "total", "other")


def _text(description: str, *, pattern: str = "", of: tuple[str, ...] = (), null: bool = True) -> pa.Column:
    checks = [pa.Check.str_matches(pattern)] if pattern else [pa.Check.isin(of)] if of else []
    unit = "code" if pattern else " | ".join(of) if of else "text"
    return pa.Column("str", checks, nullable=null, description=description, metadata={"unit": unit})


def _number(description: str, unit: str, low: float | None = None, high: float | None = None) -> pa.Column:
    return pa.Column("float64", _range(low, high), nullable=True, description=description, metadata={"unit": unit})


def _count(description: str, unit: str, low: float | None = 0, high: float | None = None) -> pa.Column:
    return pa.Column("Int64", _range(low, high), nullable=True, description=description, metadata={"unit": unit})


def _key(description: str, unit: str, low: int, high: int) -> pa.Column:
    return pa.Column("int64", _range(low, high), description=description, metadata={"unit": unit})


def _date(description: str) -> pa.Column:
    return pa.Column("datetime64[us]", nullable=True, description=description, metadata={"unit": "day"})


def _flag(description: str, *, null: bool = False) -> pa.Column:
    return pa.Column("boolean", nullable=null, description=description, metadata={"unit": "true/false"})


def _range(low: float | None, high: float | None) -> list[pa.Check]:
    checks = [] if low is None else [pa.Check.ge(low)]
    return checks if high is None else [*checks, pa.Check.le(high)]


def _firm() -> pa.Column:
    return _text("Security code of the A share, six digits", pattern=FIRM_ID, null=False)


def _year(description: str = "Calendar year (period ending 31 December)") -> pa.Column:
    return _key(description, "calendar year", FIRST_YEAR, LAST_YEAR)


def _yuan(description: str, low: float | None = None) -> pa.Column:
    return _number(description, "yuan", low)


def _share(description: str, high: float = 1) -> pa.Column:
    return _number(description, "share", 0, high)


def _patents(description: str) -> pa.Column:
    return _count(description, "patents")


COLUMNS: dict[str, tuple[tuple[str, ...], dict[str, pa.Column]]] = {
    "patents": (
        ("patent_id",),
        {
            "patent_id": _text(
                "Application number; one row an application, however often it was published", null=False
            ),
            "office": _text("Office of filing, two letters", pattern=r"^[A-Z]{2}$", null=False),
            "patent_type": _text("Kind of protection", of=PATENT_TYPES),
            "filing_date": _date("Day of filing"),
            "publication_date": _date("Day of first publication"),
            "grant_date": _date("Day of grant; empty where not granted when the data were drawn"),
            "priority_date": _date("Earliest priority"),
            "family_id": _text("Simple family"),
            "title": _text("Title, in the language of the office where there is one"),
            "abstract": _text("Abstract"),
            "ipc": _text("IPC symbols in canonical form, main symbol first, joined by ';'"),
            "cpc": _text("CPC symbols in canonical form, joined by ';'"),
        },
    ),
    "patent_applicants": (
        ("patent_id", "position"),
        {
            "patent_id": _text("Application number", null=False),
            "position": _key("Order on the document, from 1", "rank", 1, 100_000),
            "name": _text("Applicant as written in the source", null=False),
            "country": _text("Country of the applicant, two letters"),
            "address": _text("Address (of the first applicant in Chinese exports)"),
        },
    ),
    "citations": (
        ("patent_id", "cited_publication"),
        {
            "patent_id": _text("Citing application", null=False),
            "cited_publication": _text("Cited publication number as written in the source", null=False),
            "cited_id": _text("Application of the cited publication, where it is in the same source"),
        },
    ),
    "firms": (
        ("firm_id",),
        {
            "firm_id": _firm(),
            "name": _text("Short name in the last year seen"),
            "credit_code": _text("Unified social credit code", pattern=r"^[0-9A-Z]{18}$"),
            "founded": _date("Day of establishment"),
            "listed": _date("Day of listing"),
            "first_year": _key("First year in the firm file", "calendar year", FIRST_YEAR, LAST_YEAR),
            "last_year": _key("Last year in the firm file", "calendar year", FIRST_YEAR, LAST_YEAR),
        },
    ),
    "firm_years": (
        ("firm_id", "year"),
        {
            "firm_id": _firm(),
            "year": _year(),
            "name": _text("Short name in the year"),
            "province_code": _text("Province of the year", pattern=CITY_CODE),
            "city_code": _text("Prefecture-level unit of the year; municipalities XX0000", pattern=CITY_CODE),
            "industry_code": _text("CSRC 2012 industry of the year: letter and two digits", pattern=r"^[A-S]\d{0,2}$"),
            "longitude": _number("Longitude of the office", "degrees", -180, 180),
            "latitude": _number("Latitude of the office", "degrees", -90, 90),
            "listing_state": _text("Listing state as written"),
            "special_treatment": _flag("Name carries ST or *ST", null=True),
            "total_assets": _yuan("Total assets", 0),
            "current_assets": _yuan("Current assets", 0),
            "cash": _yuan("Cash", 0),
            "inventory": _yuan("Inventory, net"),
            "fixed_assets": _yuan("Fixed assets, net"),
            "intangible_assets": _yuan("Intangible assets, net"),
            "total_liabilities": _yuan("Total liabilities"),
            "current_liabilities": _yuan("Current liabilities"),
            "equity": _yuan("Owners' equity; negative in distress"),
            "total_revenue": _yuan("Total operating revenue"),
            "revenue": _yuan("Operating revenue"),
            "operating_cost": _yuan("Operating cost"),
            "selling_expense": _yuan("Selling expense"),
            "administrative_expense": _yuan("Administrative expense; includes R&D before 2018"),
            "finance_expense": _yuan("Finance expense"),
            "rd_expense": _yuan("R&D expense line of the income statement, from 2018"),
            "operating_profit": _yuan("Operating profit"),
            "total_profit": _yuan("Profit before tax"),
            "income_tax": _yuan("Income tax"),
            "net_profit": _yuan("Net profit"),
            "operating_cash_flow": _yuan("Net cash flow from operations"),
            "capital_expenditure": _yuan("Cash paid for fixed, intangible and other long-lived assets"),
            "rd_staff": _number("R&D staff", "persons", 0),
            "rd_staff_share": _share("R&D staff over all staff"),
            "rd_spending": _yuan("R&D spending", 0),
            "rd_intensity": _number("R&D spending over revenue", "share", 0),
            "rd_expensed": _yuan("Expensed R&D"),
            "rd_capitalised": _yuan("Capitalised R&D"),
            "controller_codes": _text("Nature codes of the ultimate controllers, joined by ';'"),
            "state_owned": _flag("Any ultimate controller is a state body or state firm", null=True),
            "patents_filed": _patents("All patents filed in the year, firm's own report"),
            "inventions_filed": _patents("Inventions filed in the year, firm's own report"),
            "utility_models_filed": _patents("Utility models filed in the year, firm's own report"),
            "designs_filed": _patents("Designs filed in the year, firm's own report"),
            "green_inventions_filed_alone": _patents("Green inventions filed alone"),
            "green_inventions_filed_jointly": _patents("Green inventions filed with others"),
            "green_utility_models_filed_alone": _patents("Green utility models filed alone"),
            "green_utility_models_filed_jointly": _patents("Green utility models filed with others"),
            "green_inventions_granted_alone": _patents("Green inventions granted, filed alone"),
            "green_inventions_granted_jointly": _patents("Green inventions granted, filed with others"),
            "green_utility_models_granted_alone": _patents("Green utility models granted, filed alone"),
            "green_utility_models_granted_jointly": _patents("Green utility models granted, filed with others"),
        },
    ),
    "staff": (
        ("firm_id", "year", "structure", "detail"),
        {
            "firm_id": _firm(),
            "year": _year(),
            "structure": _text("Classification of staff", of=STAFF_STRUCTURES, null=False),
            "detail": _text("Class as written; wording differs over years and firms", null=False),
            "category": _text(
                "Class in one wording (`aigreen.data.sources.csmar_records.STAFF_CATEGORIES`); empty if unclear"
            ),
            "persons": _number("Staff", "persons", 0),
        },
    ),
    "links": (
        ("firm_id", "year", "direction", "rank"),
        {
            "firm_id": _firm(),
            "year": _year(),
            "direction": _text("Partner buys from the firm, or sells to it", of=DIRECTIONS, null=False),
            "rank": _key("Order by share within firm, year and direction, from 1", "rank", 1, 10_000),
            "partner_id": _text("Security code of the partner where listed and disclosed", pattern=FIRM_ID),
            "partner_name": _text("Name of the partner; empty where the firm masks it"),
            "masked": _flag("Name withheld: 'first', 'customer A' and the like"),
            "share": _share("Share of the firm's sales (customers) or purchases (suppliers)"),
        },
    ),
    "zones": (
        ("program", "gb_code"),
        {
            "program": _text("Programme that names the zone", null=False),
            "zone_id": _text("Zone", null=False),
            "gb_code": _text("Unit named in the document", pattern=CITY_CODE, null=False),
            "city_code": _text("Prefecture-level unit to merge on", pattern=CITY_CODE, null=False),
            "level": _text("Level of the unit named", of=("municipality", "prefecture", "county"), null=False),
            "letter_date": _date("Day of the letter of approval"),
            "publication_date": _date("Day of its publication"),
            "batch_year": _year("Year of the letter"),
            "first_full_year": _year("Year after the letter"),
        },
    ),
    "policies": (
        ("policy", "gb_code", "batch"),
        {
            "policy": _text("Policy", null=False),
            "gb_code": _text("Unit named in the document", pattern=CITY_CODE, null=False),
            "city_code": _text("Prefecture-level unit to merge on; empty for provinces", pattern=CITY_CODE),
            "level": _text("Level of the unit named", null=False),
            "batch": _text("Batch", null=False),
            "partial": _flag("Covers less than the unit to merge on"),
            "start": _text("Day or month of the start", pattern=r"^\d{4}(-\d{2}){0,2}$"),
            "coded_year": _count("First year with post = 1 in common practice", "calendar year", FIRST_YEAR, LAST_YEAR),
        },
    ),
    "city_years": (
        ("city_code", "year"),
        {
            "city_code": _text("Prefecture-level unit; municipalities XX0000", pattern=CITY_CODE, null=False),
            "year": _year("Calendar year"),
            "city": _text("Chinese name", null=False),
            "population": _number("Population", "10,000 persons", 0),
            "population_density": _number("Population density", "persons per square kilometre", 0),
            "gdp_real": _number("Gross product, constant prices", "100 million yuan", 0),
            "gdp_per_capita": _number("Gross product a head, constant prices", "yuan", 0),
            "gdp_deflator": _number("Deflator", "index", 0),
            "carbon_intensity": _number("Carbon intensity, unit not stated in the source", "as in the source", 0),
            "tertiary_share": _share("Tertiary industry in gross product"),
            "industrial_upgrading": _number("Tertiary over secondary value added", "ratio", 0),
            "employment_primary": _number("Employment in the primary sector", "10,000 persons", 0),
            "employment_secondary": _number("Employment in the secondary sector", "10,000 persons", 0),
            "employment_tertiary": _number("Employment in the tertiary sector", "10,000 persons", 0),
            "road_area": _number("Road area a head", "square metres", 0),
            "fdi": _number("Foreign direct investment, unit not stated in the source", "as in the source", 0),
            "fdi_openness": _number("Foreign direct investment over gross product", "ratio", 0),
            "financial_development": _number("Deposits and loans over gross product", "ratio", 0),
            "low_carbon_year": _count(
                "Low-carbon pilot cohort; empty = none in the source", "year", FIRST_YEAR, LAST_YEAR
            ),
            "low_carbon_known": _flag("The source states whether the city is a pilot"),
        },
    ),
    "city_places": (
        ("city_code",),
        {
            "city_code": _text(
                "Prefecture-level unit at the time; municipalities XX0000", pattern=CITY_CODE, null=False
            ),
            "city": _text("Chinese name in the source", null=False),
            "longitude": _number("Longitude", "degrees", 70, 140),
            "latitude": _number("Latitude", "degrees", 15, 55),
        },
    ),
    "reports": (
        ("firm_id", "year"),
        {
            "firm_id": _firm(),
            "year": _year("Year the report is about"),
            "text": _text("Whole text of the annual report", null=False),
            "characters": _key("Length of the text without blanks", "characters", 1, 100_000_000),
        },
    ),
}
