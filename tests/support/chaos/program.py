"""Breaks one thing after the other while clients ask, and looks at what came of it; in namespaces that end with it.

    python -m tests.support.chaos.program --store etcd --faults kill-leader,no-majority --seconds 5
    python -m tests.support.chaos.program --store etcd --mixture 600 --seed 7

Started without a network of its own, it makes one first, with processes and mounts of its own: whatever happens,
nothing is left behind. It ends when its standard input does, where that is a pipe. What it prints is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import aiohttp

from tests.support.chaos.faults import possible
from tests.support.chaos.lab import chaos_lab
from tests.support.chaos.story import Story

MOST_KILLED = 300  # enrolments at once while coordinators are killed
INSIDE = "RMA_CHAOS_INSIDE"
NAMESPACES = ("--net", "--pid", "--mount", "--mount-proc", "--fork", "--kill-child")


def parse(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("etcd", "sqlite"), default="etcd")
    parser.add_argument("--coordinators", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=2, help="of three or more one is revoked in between")
    parser.add_argument("--faults", default="", help="names, with commas between; =SECONDS for a time of its own")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each fault lasts")
    parser.add_argument("--mixture", type=float, default=0.0, help="seconds for which faults are drawn at random")
    parser.add_argument(
        "--storm", type=int, default=0, help="enrolments at once, at two coordinators, before all else"
    )
    parser.add_argument("--kills", type=int, default=0, help="coordinators killed in a second such storm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None, help="where logs and history stay; a new folder")
    return parser.parse_args(words)


async def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Tell the whole story and return what came of it."""
    rng = random.Random(options.seed)
    names = [chr(ord("a") + number) for number in range(options.coordinators)]
    connector = aiohttp.TCPConnector(limit=0)
    # A client that asks anew for each request never waits on a connection to one that was killed.
    async with (
        chaos_lab(folder, options.store, names) as lab,
        aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session,
    ):
        story = Story(lab, session, rng)
        try:
            await story.begin(options.nodes)
            if options.storm:
                await story.storm(options.storm)
            if options.kills:
                await story.storm(options.storm or MOST_KILLED, options.kills)
            words = [word for word in options.faults.split(",") if word]
            for number, word in enumerate(words):
                if number == len(words) // 2:
                    await story.put_out()
                name, _, seconds = word.partition("=")
                await story.suffer([name], float(seconds or options.seconds))
            if options.mixture:
                await story.mixture(options.mixture / 2, possible(options.store))
                await story.put_out()
                await story.mixture(options.mixture / 2, possible(options.store))
            await story.end()
        finally:
            await story.stop()
            story.history.save(folder / "history.jsonl")
        return story.document()


def main() -> int:
    options = parse()
    if INSIDE not in os.environ:
        _go_inside(sys.argv[1:])
    threading.Thread(target=_end_with_who_started_us, daemon=True).start()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=60)
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
        document = asyncio.run(run(options, options.folder))
    else:
        with tempfile.TemporaryDirectory(prefix="chaos-") as name:
            document = asyncio.run(run(options, Path(name)))
    print(json.dumps(document, default=asdict))
    return 1 if document["violations"] else 0


def _go_inside(words: list[str]) -> NoReturn:
    """Become this program in namespaces of its own."""
    program = shutil.which("unshare") or "unshare"
    command = [program, *NAMESPACES, sys.executable, "-m", "tests.support.chaos.program", *words]
    os.execve(program, command, {**os.environ, INSIDE: "yes"})


def _end_with_who_started_us() -> None:
    """End at once, and with us all that runs in here, when the pipe is closed that is our standard input."""
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        while os.read(0, 1):
            pass
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
