"""What a column holds when no fact of the sale decides it: rules by column name, prefix and type.

Owns: the usual value of each such column and the values it now and then has instead. Every
column gets at least one value that is not NULL. Does not draw rows (`table_draft` does).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from replica_worker.demo.source import vocabulary as words
from replica_worker.demo.source.source_spec import SourceColumn


@dataclass(frozen=True, kw_only=True)
class ColumnRule:
    """An ordinary row has `usual`; about one in `1 / share` rows has one of `others`.

    One of the two is never NULL, so that no column stays empty.
    """

    usual: Any
    others: tuple[Any, ...] = ()
    share: float = 0.01


def _rule(usual: Any, *others: Any, share: float = 0.01) -> ColumnRule:
    return ColumnRule(usual=usual, others=others, share=share)


# Values at the edges of their types: what a detour through float or int32 destroys.
_LARGEST_DECIMAL = Decimal("999999999999.9999")
_SMALLEST_STEP = Decimal("-0.0001")
_BEYOND_DOUBLE = 2**53 + 1
_LOYALTY_RENEWALS = (
    datetime(1753, 1, 1),
    datetime(2024, 12, 31, 23, 59, 59, 997_000),
    datetime(2024, 2, 29, 12, 0, 0, 3_000),
)

_BY_NAME: Sequence[tuple[str, ColumnRule]] = (
    ("TERM", _rule("CASH", "30 DAYS", None)),
    ("(BILL|SHIP|DELIVER)_COUNTRY", _rule("Malaysia", "MALAYSIA", "Malaysia ", None, share=0.03)),
    ("NATIONALITY", _rule("Malaysian", "Singaporean", "", None, share=0.08)),
    ("SHIP_STATUS", _rule("Shipped", "Pending", None)),
    ("DOUBLE_EXCHANGE_?RATE", _rule(Decimal("1.0000"), Decimal("3.3125"))),
    ("(DEFAULT_)?CURRENCY(_CODE)?", _rule("MYR", "SGD", None)),
    ("CURRENCY_SYMBOL", _rule("RM", "S$", None)),
    ("(MGST_)?TAX_CODE|MGST_TAX_CODE_PURCHASE", _rule("SST-6", "ZRL", None, share=0.02)),
    ("(DOUBLE_)?(MGST_TAX|GST|TAX)_(PERCENTAGE|RATE)", _rule(Decimal(6), Decimal(0))),
    ("BOOL_(IS_FNB|ACTIVE|APPROVED|ISPRINT|PRINTSTATUS|GO_GLOBAL)", _rule(1, 0, share=0.02)),
    ("BOOL_(ISBILLPRINTED|IS_KDS_RECEIVED|IS_CASH_SALES)", _rule(1, 0, None, share=0.04)),
    ("E_LHDN_CLASSIFICATION_CODE", _rule("022", "004", None)),
    ("E_LHDN_(PURCHASE_)?TAX_TYPE", _rule("02", "06", None)),
    ("E_LHDN_COUNTRY_CODE", _rule("MYS", "SGP", None)),
    ("E_LHDN_BUYER_TYPE", _rule("B2C", "B2B", None, share=0.02)),
    ("E_LHDN_TIN", _rule(None, "EI00000000010", "C20990050040", share=0.03)),
    ("E_LHDN_PURCHASE_CLASSIFICATION_CODE", _rule(None, "022")),
    ("CALLCODE_.*", _rule("+60", "+65", "", None, share=0.05)),
    ("GENDER", _rule("F", "M", "", None, share=0.55)),
    ("RACE", _rule("Melayu", "Cina", "India", "", None, share=0.45)),
    ("AGE", _rule(None, "18-24", "25-34", "35-44", "45+", share=0.6)),
    ("SALUTATION", _rule("", "Encik", "Puan", "Dato'", "Ms.", None, share=0.5)),
    ("COMPANY_TYPE|CUSTOMER_TYPE", _rule("Individual", "Corporate", None, share=0.05)),
    ("CUSTOMER_GROUP", _rule("Member", "member", "Staff ", None, share=0.1)),
    ("ORDER_SOURCE", _rule("POS", "KIOSK", "APP", "foodpanda", None, share=0.3)),
    ("MALL_INTEGRATION_CATEGORY_.*", _rule("", "F&B", None, share=0.02)),
    ("(.*_)?(UOM|UNIT_OF_MEASURE)", _rule("UNIT", "Unit", "SET", None, share=0.03)),
    (".*_URL", _rule(None, "https://images.example.com/a%20b.png?x=1&y='2'", "", share=0.2)),
    ("WEBSITE", _rule(None, "https://example.com/", "", share=0.05)),
    ("ROWLOCKING", _rule(None, "till-03", "", share=0.01)),
    ("EMAIL_STATUS", _rule(None, "SENT", "FAILED", share=0.05)),
    ("COUNTER_TIMER|TIME_USED", _rule("00:02:10", "00:14:59", "", None, share=0.4)),
    ("ECR_INFO", _rule(None, "APPROVED 00\r\nTRACE 000123\r\n", words.LONG_TEXTS[1], share=0.1)),
    ("PENDING_ACTION_INFO", _rule(None, '{"action": "排队"}', *words.LONG_TEXTS[1:3])),
    ("BINARYKEY", _rule("0", "1", None)),
    ("INT_EXTEND_1", _rule(0, 2_147_483_647, None)),
    ("INT_EXTEND_3", _rule(None, -2_147_483_648, 0)),
    ("PROMOIGNORE|IS_EMPLOYEE|ISTESTING", _rule(0, 1, 255)),
    ("DOUBLE_(BEARING_VALUE|PURCHASE_LIMIT)", _rule(Decimal(0), _LARGEST_DECIMAL, _SMALLEST_STEP)),
    (
        "(CUSTOM_FIELD_VALUE|ITEM_CUSTOM|STRING_EXTEND|INTEGRATION_CUSTOM_FIELD)_.*",
        _rule("", None, "A1", "a1", "a1 ", *words.TRICKY_TEXTS[:6], share=0.02),
    ),
    (".*REMARKS?", _rule("", None, *words.REMARKS, share=0.05)),
    (".*_DATE(_FROM|_TO)?", _rule(None, "2024-05-01", "01/05/2024", "", share=0.02)),
    ("(.*_)?TIME", _rule(None, "09:00:00", "9:00 AM", "", share=0.02)),
    (".*(_ID|_NO|CODE|_REF_.*|REFERENCE.*)", _rule(None, "", "REF-0001", "ref-0001", "0017 ")),
)

_BY_TYPE: dict[str, ColumnRule] = {
    "tinyint": _rule(0, 1, None),
    "smallint": _rule(0, 1, -32_768, None),
    "int": _rule(0, 1, 7, 60, None, share=0.03),
    "bigint": _rule(None, 4_294_967_296, _BEYOND_DOUBLE, -1),
    "decimal": _rule(Decimal(0), Decimal("1.5"), Decimal("12.3456"), _SMALLEST_STEP, None),
    "datetime": _rule(None, *_LOYALTY_RENEWALS, share=0.02),
}
_MAX_TEXT = _rule("", None, *words.REMARKS, *words.LONG_TEXTS, share=0.02)
_SHORT_TEXT = _rule("", None, *words.TRICKY_TEXTS)
_COMPILED = [(re.compile(pattern), rule) for pattern, rule in _BY_NAME]
_FAMILY_OF_VALUE: dict[type, tuple[str, ...]] = {
    int: ("tinyint", "smallint", "int", "bigint", "decimal"),
    Decimal: ("decimal",),
    str: ("varchar", "nvarchar"),
}


@cache
def rule_for(column: SourceColumn) -> ColumnRule:
    """Return the first rule by name whose values suit the column's type, else its type's rule."""
    for pattern, rule in _COMPILED:
        if pattern.fullmatch(column.name) and _suits(rule, column):
            return _fitted(rule, column)
    if column.family in _BY_TYPE:
        return _BY_TYPE[column.family]
    return _MAX_TEXT if column.text_limit is None else _fitted(_SHORT_TEXT, column)


def _suits(rule: ColumnRule, column: SourceColumn) -> bool:
    values = (rule.usual, *rule.others)
    return all(value is None or column.family in _FAMILY_OF_VALUE[type(value)] for value in values)


def _fitted(rule: ColumnRule, column: SourceColumn) -> ColumnRule:
    """Return the rule without the texts that are too long for the column."""
    if column.family not in ("varchar", "nvarchar") or column.text_limit is None:
        return rule
    limit = column.text_limit
    others = tuple(text for text in rule.others if text is None or len(text) <= limit)
    return ColumnRule(usual=rule.usual, others=others, share=rule.share)
