"""Notes read by the real entity rules, as notes-coa gets them from ner-extraction."""

from __future__ import annotations

import msgspec

from node.services.builtin.ner_extraction.extract import extract
from node.services.builtin.notes_coa.mentions import Mention
from tests.support.builtin_services import DEMO

NOTE = (DEMO / "note.txt").read_text("utf-8")
PROSE = (
    "Saw Mr David Khan on 3 April 2025. He lives with his partner Ms Ada Mensah. He earns £1,450 a month and gets "
    "PIP £290 every 4 weeks. Rent is £600 pcm, food £80 a week and gas and electric £130. He owes Barclaycard "
    "£2,340.50 (ref 4929 1234), Lloyds overdraft £800, and council tax arrears of £612. Discussed an IVA and "
    "bankruptcy. Advised him to claim council tax reduction. Client will send wage slips by 10 April 2025."
)


def mentions_in(notes: str) -> list[Mention]:
    return msgspec.json.decode(msgspec.json.encode(extract(notes).entities), type=list[Mention])
