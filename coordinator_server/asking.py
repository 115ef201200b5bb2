"""Asks a person at the terminal before something is done that cannot be taken back; scripts are not asked."""

from __future__ import annotations

import argparse
import sys

from coordinator_server.tables import plain, tell
from node.program.errors import EXIT_FAILED, UserFacingError

GO_ON = "Type yes to go on:"


def is_asked(arguments: argparse.Namespace) -> bool:
    """Say whether somebody sits there who is to be asked first."""
    return sys.stdin.isatty() and not arguments.yes and not arguments.json


def agreed(text: str) -> bool:
    """Say a sentence and wait for a person's yes; where nobody sits at a terminal, nobody agrees."""
    if not sys.stdin.isatty():
        return False
    tell(f"{plain(text)} {GO_ON}")
    return sys.stdin.readline().strip().lower() == "yes"


def make_sure(text: str) -> None:
    """Go on where a person agrees; raise UserFacingError where not."""
    if not agreed(text):
        raise UserFacingError("Nothing was changed.", exit_code=EXIT_FAILED)
