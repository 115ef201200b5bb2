"""The command `rma-mesh-node diagnostics FILE`: writes a bundle, also where no node runs."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from node.diagnostics.bundle import BundleFile, zipped
from node.diagnostics.sources import collect
from node.program.data_dir import write_private_file
from node.program.errors import UserFacingError
from node.program.lifetime import print_json

ONLY_LIST = "-"


def diagnostics(data_dir: Path, arguments: argparse.Namespace) -> int:
    """Write the bundle, or with - only say what would be in it; return the exit code or raise UserFacingError."""
    if not data_dir.is_dir():
        raise UserFacingError(f"There is no data directory {data_dir}.", "", "Name the right one with --data-dir.")
    files = collect(data_dir, progress=_say_step if sys.stderr.isatty() else lambda _done, _of, _what: None)
    if not arguments.service_logs:
        files = tuple(file for file in files if not file.to_be_chosen)
    if arguments.file != ONLY_LIST:
        _write(Path(arguments.file), files)
    if arguments.json:
        print_json([{"name": file.name, "bytes": file.size, "about": file.about} for file in files])
        return 0
    width = max(len(file.name) for file in files)
    for file in files:
        _say(f"{file.name:<{width}}  {file.size:>7} bytes  {file.about}")
    if arguments.file != ONLY_LIST:
        _say(f"\nWritten to {arguments.file}. Secrets were removed; have a look before you give it to somebody.")
    return 0


def _write(path: Path, files: tuple[BundleFile, ...]) -> None:
    try:
        write_private_file(path, zipped(files, time.time()))
    except OSError as error:
        text = f"The system says: {error.strerror or error}."
        raise UserFacingError(f"The file {path} cannot be written.", text, "Choose another place.") from None


def _say_step(done: int, of: int, what: str) -> None:
    end = "\n" if done == of else ""
    print(f"\r{done} of {of} {what:<24}", end=end, file=sys.stderr, flush=True)  # noqa: T201 - the program speaking


def _say(text: str) -> None:
    print(text)  # noqa: T201 - this is the program speaking
