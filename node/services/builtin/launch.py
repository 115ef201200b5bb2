"""Turns the name of a builtin service into its running program."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from importlib import import_module

from node.program.errors import EXIT_USAGE, UserFacingError
from node.program.lifetime import guarded, run_program
from node.program.logs import configure_logging
from node.services.builtin import NAMES
from node.services.builtin.contract import BuiltinService, Context, read_context
from node.services.builtin.server import serve

READER = "document-reader"  # the helper of document-processing that parses hostile files apart from it


def main(arguments: Sequence[str]) -> int:
    return guarded(lambda: _main(arguments))


def _main(arguments: Sequence[str]) -> int:
    if list(arguments) == [READER]:
        from node.services.builtin.document_processing.reader import main as read_documents

        return read_documents()
    if len(arguments) != 1 or arguments[0] not in NAMES:
        raise UserFacingError(
            f"There is no builtin service {' '.join(arguments)!r}.",
            "Give one of " + ", ".join(NAMES) + ".",
            exit_code=EXIT_USAGE,
        )
    configure_logging("text")
    context = read_context(arguments[0], os.environ)
    service = load_service(context)

    async def run(stop: asyncio.Event) -> int:
        return await serve(service, context, stop)

    return run_program(run)


def load_service(context: Context) -> BuiltinService:
    """Import the one service that runs in this process and build it."""
    module = import_module(f"node.services.builtin.{context.name.replace('-', '_')}.service")
    service: BuiltinService = module.build(context)
    return service
