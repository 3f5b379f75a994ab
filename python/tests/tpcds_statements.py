"""The 99 queries of TPC-DS as RailForge and PostgreSQL are both asked them.

PostgreSQL takes DuckDB's texts as they are. What is changed are parameters, which the specification leaves to
a random choice: those of its example answers belong to scale factor 1, and at scale factor 0.1, with its one
store and its one warehouse, 26 queries would find nothing, and nothing would be compared.
"""

from __future__ import annotations

from rail_forge_testbed.tpcds import tpcds_queries

NUMBERS = range(1, 100)

# By query: why its text is changed, and what in it becomes what, at every place.
CHANGES: dict[int, tuple[str, dict[str, str]]] = {
    4: (
        "no customer buys more from the catalog in the following year, relative to store and web",
        {"2001": "2000"},
    ),
    8: ("no more than ten preferred customers live at any of the listed zip codes", {"> 10)": "> 1)"}),
    16: ("one warehouse", {"cs1.cs_warehouse_sk <> cs2.cs_warehouse_sk": "cs1.cs_item_sk <> cs2.cs_item_sk"}),
    24: (
        "the store's market is 2, and its neighbours brought nothing back that is peach",
        {
            "s_market_id=8": "s_market_id=2",
            "= 'peach'": "IN ('lawn', 'mint', 'orange', 'rosy', 'sky', 'tomato')",
        },
    ),
    25: ("nobody returned an item and bought it again from the catalog in that year", {"2001": "1998"}),
    29: (
        "nobody returned an item and bought it again from the catalog in these months",
        {"d1.d_moy = 9": "d1.d_moy = 8", "BETWEEN 9 AND 9 + 3": "BETWEEN 8 AND 8 + 3"},
    ),
    32: ("the manufacturer has no items", {"977": "328"}),
    37: ("the manufacturers have no items of that price", {"677,": "677, 143, 168, 553, 732, 380, 647,"}),
    41: ("no manufacturer has an item as described", {"738": "840"}),
    44: ("there is no store 4", {"= 4": "= 1"}),
    54: (
        "few customers, and none in the store's county",
        {"1998": "2001", "AND i_class = 'maternity'": "", "AND ca_county = s_county": ""},
    ),
    58: (
        "no item sold in that week has such similar revenues in all three channels",
        {"2000-01-03": "2000-12-04", "0.9 *": "0.5 *", "1.1 *": "2.0 *"},
    ),
    64: (
        "no item of that price in these colors was sold in both years",
        {"64 AND 64 + 10": "1 AND 64 + 10", "64 + 1 AND 64 + 15": "0 + 1 AND 64 + 15"},
    ),
    65: ("the one store sells all items about equally", {"0.1 *": "0.7 *"}),
    73: ("no ticket has so few lines", {"BETWEEN 1 AND 5": "BETWEEN 1 AND 15"}),
    82: ("the manufacturers have no items of that price", {"129,": "129, 143, 168, 553, 732, 380, 647,"}),
    83: (
        "no item was returned in these weeks in all three channels",
        {"'2000-09-27'": "'2000-09-27', '2000-12-14', '2001-01-04'"},
    ),
    85: (
        "hardly anything was returned to the web shop with profits and prices in these ranges",
        {
            "BETWEEN 100 AND 200": "BETWEEN -2000 AND 2000",
            "BETWEEN 150 AND 300": "BETWEEN -2000 AND 3000",
            "BETWEEN 50 AND 250": "BETWEEN -2000 AND 2500",
            "BETWEEN 100.00 AND": "BETWEEN 0.00 AND",
            "BETWEEN 50.00 AND": "BETWEEN 0.00 AND",
            "BETWEEN 150.00 AND": "BETWEEN 0.00 AND",
        },
    ),
    88: ("the store's name", {"'ese'": "'ought'"}),
    90: ("no web page is of that length", {"BETWEEN 5000 AND 5200": "BETWEEN 2500 AND 5200"}),
    91: ("few returns", {"ca_gmt_offset = -7": "ca_gmt_offset = -6", "d_moy = 11": "d_moy = 12"}),
    92: ("the manufacturer has no items", {"350": "328"}),
    93: ("there is no reason 28", {"'reason 28'": "'Stopped working'"}),
    94: (
        "one warehouse, and another web company",
        {"ws1.ws_warehouse_sk <> ws2.ws_warehouse_sk": "ws1.ws_item_sk <> ws2.ws_item_sk", "'pri'": "'ese'"},
    ),
    95: (
        "one warehouse, and another web company",
        {"ws1.ws_warehouse_sk <> ws2.ws_warehouse_sk": "ws1.ws_item_sk <> ws2.ws_item_sk", "'pri'": "'ese'"},
    ),
    96: ("the store's name", {"'ese'": "'ought'"}),
}


def tpcds_statements() -> dict[int, str]:
    """The queries by number, changed."""
    return {number: _changed(number, sql) for number, sql in tpcds_queries().items()}


def _changed(number: int, sql: str) -> str:
    _, replacements = CHANGES.get(number, ("", {}))
    for old, new in replacements.items():
        if old not in sql:
            raise ValueError(f"query {number} has no {old!r}")
        sql = sql.replace(old, new)
    return sql
