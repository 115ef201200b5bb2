"""Identifiers with a shape of their own or a label before them: postcodes, NI numbers, references."""

from __future__ import annotations

import re
from collections.abc import Iterator

from node.services.builtin.ner_extraction.rules import Entity

# Royal Mail's postcode areas, with Crown dependencies.
AREAS = """
AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY
G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP
NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W
WA WC WD WF WN WR WS WV YO ZE
"""
KNOWN_AREAS = frozenset(AREAS.split())
POSTCODE = re.compile(
    r"(?<![A-Z0-9])(?P<area>[A-Z]{1,2})(?P<district>\d[A-Z\d]?)[ ]{0,2}"
    r"(?P<inward>\d[ABD-HJLNP-UW-Z]{2})(?![A-Z0-9])",
    re.IGNORECASE,
)

# HMRC, NIM39110; QQ is no real prefix but the one of HMRC's own examples.
NI_NUMBER = re.compile(
    r"(?<![A-Z0-9])(?P<prefix>[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]|QQ)"
    r"[ -]?(?P<a>\d\d)[ -]?(?P<b>\d\d)[ -]?(?P<c>\d\d)[ -]?(?P<suffix>[A-D])(?![A-Z0-9])",
    re.IGNORECASE,
)
NI_UNUSED = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})

KINDS = (
    r"account|acct|a/c|acc|case|claim|customer|client|policy|invoice|agreement|contract|loan|card|court|order|"
    r"membership|tenancy|payment|council tax|file|application|liability order|credit agreement|our|your"
)
VALUE = r"(?P<value>\d{2,6}(?:[ -]\d{2,6}){1,5}(?!\w)|[A-Z0-9](?:[A-Z0-9/._-]{0,38}[A-Z0-9])?)(?!\w)"
LINK = r"[ ]{0,2}(?:ending(?: in)?|is|was)?[ ]{0,2}[:#=-]?[ ]{0,2}"
LABELLED = re.compile(
    rf"(?<!\w)(?:(?P<kind>{KINDS})[ ]{{1,2}})?(?P<word>number|no|num|nr|reference|ref|id)\b\.?"
    rf"(?:[ ]{{0,2}}(?:number|no)\b\.?)?{LINK}{VALUE}",
    re.IGNORECASE,
)
MARKED = re.compile(
    rf"(?<!\w)(?P<kind>{KINDS})(?:[ ]{{0,2}}[:#][ ]{{0,2}}|[ ]ending[ ](?:in[ ])?){VALUE}", re.IGNORECASE
)
SHORT_ACCOUNT = re.compile(r"(?<!\w)(?P<kind>a/c|acct?)\.?[ ]{1,2}(?P<value>\d{4,16})(?!\w)", re.IGNORECASE)
SORT_CODE = re.compile(
    r"(?<!\w)sort[ ]?code[ :]{1,3}(?P<value>\d\d(?P<mark>[ -]?)\d\d(?P=mark)\d\d)(?!\w)", re.IGNORECASE
)
SPELLED = {"acct": "account", "acc": "account", "a/c": "account", "our": "reference", "your": "reference"}


def find_postcodes(text: str) -> Iterator[Entity]:
    """Yield postcodes of areas that exist; the value has capitals and one space."""
    for match in POSTCODE.finditer(text):
        area, outward = match["area"].upper(), (match["area"] + match["district"]).upper()
        if area in KNOWN_AREAS:
            yield Entity(
                type="postcode",
                text=match[0],
                start=match.start(),
                end=match.end(),
                value=f"{outward} {match['inward'].upper()}",
                confidence=0.95 if match[0].isupper() else 0.75,
            )


def find_ni_numbers(text: str) -> Iterator[Entity]:
    """Yield National Insurance numbers without their spaces."""
    for match in NI_NUMBER.finditer(text):
        prefix = match["prefix"].upper()
        if prefix not in NI_UNUSED:
            yield Entity(
                type="ni_number",
                text=match[0],
                start=match.start(),
                end=match.end(),
                value=prefix + match["a"] + match["b"] + match["c"] + match["suffix"].upper(),
                confidence=0.6 if prefix == "QQ" else 0.98,
            )


def find_references(text: str) -> Iterator[Entity]:
    """Yield what follows a label such as `account number` or `our ref`; `text` leaves the label out."""
    for pattern in (LABELLED, MARKED, SHORT_ACCOUNT):
        for match in pattern.finditer(text):
            label = _label(match)
            if label is not None and _is_reference(match["value"]):
                yield Entity(
                    type="reference",
                    text=match["value"],
                    start=match.start("value"),
                    end=match.end("value"),
                    value=re.sub(r"\s", "", match["value"]).upper(),
                    confidence=0.9,
                    label=label,
                )


def find_sort_codes(text: str) -> Iterator[Entity]:
    """Yield bank sort codes after that label; the value is `12-34-56`."""
    for match in SORT_CODE.finditer(text):
        digits = re.sub(r"\D", "", match["value"])
        yield Entity(
            type="sort_code",
            text=match["value"],
            start=match.start("value"),
            end=match.end("value"),
            value=f"{digits[:2]}-{digits[2:4]}-{digits[4:]}",
            confidence=0.95,
        )


def _label(match: re.Match[str]) -> str | None:
    kind = (match["kind"] or "").lower()
    if kind:
        return SPELLED.get(kind, kind)
    return "reference" if match["word"].lower().startswith("ref") else None  # a bare "number" may be anything


def _is_reference(value: str) -> bool:
    return len(value) >= 3 and any(letter.isdigit() for letter in value)
