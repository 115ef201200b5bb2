"""Asks a person at the terminal before something is done that cannot be taken back; scripts are not asked."""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from coordinator_server.tables import plain
from node.program.errors import EXIT_FAILED, UserFacingError

GO_ON = "Type yes to go on:"


def is_asked(arguments: argparse.Namespace) -> bool:
    """Say whether somebody sits there who is to be asked first."""
    return _screen() is not None and not arguments.yes and not arguments.json


def agreed(text: str) -> bool:
    """Say a sentence and wait for a person's yes; where nobody sits at a terminal, nobody agrees."""
    screen = _screen()
    if screen is None:
        return False
    screen.write(f"{plain(text)} {GO_ON}\n")
    screen.flush()
    return sys.stdin.readline().strip().lower() == "yes"


def _screen() -> TextIO | None:
    """Return where a person reads who can answer: a question that goes to a file would be waited for in vain."""
    if not _is_terminal(sys.stdin):
        return None
    return next(filter(_is_terminal, (sys.stdout, sys.stderr)), None)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # None: it was closed before we began


def make_sure(text: str) -> None:
    """Go on where a person agrees; raise UserFacingError where not."""
    if not agreed(text):
        raise UserFacingError("Nothing was changed.", exit_code=EXIT_FAILED)
