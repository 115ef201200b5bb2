"""The command line `rma-mesh-coordinator`: its words, flags and help. What a command does is in `commands`.

Everything heavy is imported by the command that needs it, so that an admin command is over in a blink.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from node.program.durations import DurationError, parse_duration

PROGRAM = "rma-mesh-coordinator"
LONGEST_NAME = 100  # letters
DESCRIPTION = "The coordinator of an RMA Mesh: enrolment, registry, assignment, gateway and dashboard."
EPILOG = f"""\
examples:
  {PROGRAM} serve                            run the coordinator
  {PROGRAM} invite create                    let one more machine in
  {PROGRAM} key create --name website        let a frontend in
  {PROGRAM} worker list                      who is there
  {PROGRAM} doctor                           what works, what not, what to do

exit codes: 0 done, 1 failed, 2 wrong usage or setting, 3 port or data directory in use,
            4 the coordinator does not answer, 5 it answered and refused
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    from node.program.lifetime import guarded

    arguments = build_parser(argv).parse_args(argv)
    return guarded(lambda: int(arguments.run(arguments)))


def build_parser(argv: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Build the parser; the flags of `serve` are added only where the words ask for them."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    words = sys.argv[1:] if argv is None else argv
    _add_serve(commands, with_flags="serve" in words)
    _add_invites(commands)
    _add_keys(commands)
    _add_workers(commands)
    _add_token(commands)
    _add_mesh(commands)
    _add_store_and_state(commands)
    return parser


class _Version(argparse.Action):
    """Prints the version, which is looked up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            found = version("rma-mesh")
        except PackageNotFoundError:
            found = "unknown version"
        sys.stdout.write(f"{PROGRAM} {found}\n")
        parser.exit(0)


def _add_serve(commands: Any, with_flags: bool) -> None:
    text = (
        "Run the coordinator until Ctrl-C: workers' API, gateway, dashboard. Prints one line when it is ready. "
        "With --workers 2 or more, SIGHUP replaces all processes but the first, one after another."
    )
    parser = commands.add_parser("serve", help="run the coordinator", description=text)
    parser.add_argument("--json", action="store_true", help="print the ready line as JSON")
    if with_flags:
        from coordinator_server.config import CoordinatorConfig
        from node.program.settings import add_flags

        add_flags(parser, CoordinatorConfig)
    parser.set_defaults(run=_command("serve"))


def _add_invites(commands: Any) -> None:
    group = _group(commands, "invite", "let machines in: make, list and revoke invites")
    create = _leaf(
        group, "create", "create_invite", "Make an invite and print its code and link. The code is shown only once."
    )
    create.add_argument(
        "--uses", type=_count, default=1, metavar="N", help="how many machines it lets in (default 1)"
    )
    create.add_argument(
        "--expires", type=_duration, default=86400, metavar="TIME", help="for how long: 30m, 24h, 7d (default 24h)"
    )
    text = "vetted machines also get services with personal data (default volunteer)"
    create.add_argument("--trust", choices=("volunteer", "vetted"), default="volunteer", help=text)
    create.add_argument("--service", type=_text, action="append", default=[], dest="services", metavar="NAME",
                        help="limit the machines to this service; may be given several times")  # fmt: skip
    _leaf(group, "list", "list_invites", "List all invites and how often each was used.")
    revoke = _leaf(group, "revoke", "revoke_invite", "Make an invite useless at once.")
    revoke.add_argument("id", type=_id, metavar="ID", help="its id, as `invite list` shows it")


def _add_keys(commands: Any) -> None:
    group = _group(commands, "key", "let frontends in: make, list and revoke API keys")
    create = _leaf(group, "create", "create_key", "Make an API key for a frontend. The key is shown only once.")
    create.add_argument("--name", type=_name, required=True, metavar="NAME", help="who uses it, for your own list")
    create.add_argument("--service", type=_text, action="append", default=[], dest="services", metavar="NAME",
                        help="allow only this service; may be given several times (default: all)")  # fmt: skip
    text = "5/s, 120/min, 1000/hour or 10000/day (default: the coordinator's --default-key-rate, 120/min)"
    create.add_argument("--rate", type=_rate, default=None, metavar="RATE", help=text)
    create.add_argument(
        "--expires", type=_duration, default=None, metavar="TIME", help="after 30d, 52w (default: never)"
    )
    _leaf(group, "list", "list_keys", "List all API keys, without their secrets.")
    revoke = _leaf(group, "revoke", "revoke_key", "Make an API key useless at once.")
    revoke.add_argument("id", type=_id, metavar="ID", help="its id, as `key list` shows it")
    _add_yes(revoke)


def _add_workers(commands: Any) -> None:
    group = _group(commands, "worker", "see, approve, drain and ban (revoke) machines")
    _leaf(group, "list", "list_workers", "List all enrolled machines with their services, load and status.")
    words = {
        "show": "Show all that is known of one machine.",
        "approve": "Let in a machine that waits for approval (serve --require-approval), with the trust that its "
        "invite says or --trust. A machine that is let in already is trusted with personal data from then on; "
        "where machines need approval only with --trust vetted.",
        "refuse": "Turn away a machine that waits for approval; it cannot use the same invite again.",
        "pardon": "Forget what is held against a machine whose answers were wrong, and ask it as others again.",
        "drain": "Give a machine no new work and let what it does end.",
        "undrain": "Give a drained machine work again.",
        "revoke": "Ban a machine for good: it is refused here at once, and by other machines within a second, or "
        "with their next heartbeat where they have no channel. Revoke its invite, too, where that has uses left.",
    }
    for word, text in words.items():
        leaf = _leaf(group, word, f"{word}_worker", text)
        leaf.add_argument("id", type=_id, metavar="ID", help="its id, as `worker list` shows it")
        if word in ("approve", "refuse", "revoke"):
            _add_yes(leaf)
        if word == "revoke":
            unknown = "also where nothing is known of it here, as of a machine that joined after the last backup"
            leaf.add_argument("--unknown", action="store_true", help=unknown)
        if word == "approve":
            trust = "trust it so far (default: as its invite says, or vetted where it is let in already)"
            leaf.add_argument("--trust", choices=("volunteer", "vetted"), default=None, help=trust)


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask at the terminal whether that is meant")


def _add_token(commands: Any) -> None:
    group = _group(commands, "token", "replace the admin token")
    text = (
        "Replace the admin token of the running coordinator by a new one, which is printed and stands in its data "
        "directory from then on. Where several coordinators share a store, each has a token of its own."
    )
    rotate = _leaf(group, "rotate", "access_commands.rotate_token", text)
    rotate.add_argument("--grace", type=_duration, default=0, metavar="TIME",
                        help="let the old one count for so long, as 10m (default: useless at once)")  # fmt: skip


def _add_mesh(commands: Any) -> None:
    group = _group(commands, "mesh", "rotate the keys on which the whole mesh rests")
    text = (
        "Replace the authority that signs the overlay's certificates. Machines are given the new one beside the "
        "old one, then certificates by it; the old one is dropped when all are done. `status` shows how far it is."
    )
    rotate = _leaf(group, "rotate-ca", "rotate_ca", text)
    text = "take a running rotation's next step at once: machines that are not ready lose the overlay for a while"
    rotate.add_argument("--force", action="store_true", help=text)
    text = (
        "Replace the key that signs for the mesh. Machines are given the new one beside the old one, then "
        "credentials by it; the old one counts no more when all are done. Nobody has to enrol again. `status` "
        "shows how far it is; make a new backup when it is done. docs/keys.md says what to do after a leak."
    )
    rotate = _leaf(group, "rotate-key", "rotate_key", text)
    text = "take a running rotation's next step at once: machines that are not ready are out until they renew"
    rotate.add_argument("--force", action="store_true", help=text)
    _add_sealed_keys(commands)


def _add_sealed_keys(commands: Any) -> None:
    group = _group(commands, "keys", "the mesh's private keys, where they are sealed under a passphrase")
    text = (
        "Seal the mesh's keys in the store under another passphrase. Coordinators that run serve on. Works on the "
        "store itself, and asks no coordinator."
    )
    reseal = _leaf(group, "reseal", "store_commands.reseal_keys", text, asks=False)
    text = "file with the new passphrase (or RMA_NEW_KEY_PASSPHRASE)"
    reseal.add_argument("--new-passphrase-file", default=None, metavar="FILE", help=text)
    text = (
        "Write the mesh's keys from the store to files of the data directory, for a coordinator that is to start "
        "without the passphrase."
    )
    unseal = _leaf(group, "unseal", "store_commands.unseal_keys", text, asks=False)
    text = "and keep them in the store no more, to go back to files for good"
    unseal.add_argument("--remove", action="store_true", help=text)
    for leaf in (reseal, unseal):
        text = "where they are: sqlite, or etcd://HOST:PORT,...[?prefix=NAME] (default sqlite)"
        leaf.add_argument("--store", default=None, metavar="STORE", help=text)
        text = "file with the passphrase that they are sealed under now (or RMA_KEY_PASSPHRASE)"
        leaf.add_argument("--key-passphrase-file", default=None, metavar="FILE", help=text)
        _add_store_access(leaf)


def _add_store_and_state(commands: Any) -> None:
    _add_audit(commands)
    backup = _leaf(
        commands, "backup", "backup", "Write a backup of the running coordinator's store and keys to FILE."
    )
    backup.add_argument("file", type=Path, metavar="FILE", help="where to write it; an older one is replaced")
    text = "Put a backup back. The coordinator must be stopped; what is in the data directory is set aside there."
    restore = _leaf(commands, "restore", "restore", text, asks=False)
    restore.add_argument("file", type=Path, metavar="FILE", help="what `backup` wrote")
    restore.add_argument("--yes", action="store_true", help="replace without asking")
    _add_migrate(commands)
    text = "Show which machine starts or stops which service now or soon, and why. Nothing is changed by asking."
    _leaf(commands, "plan", "plan", text)
    text = (
        "Show how the mesh does: coordinators, services with the last minute's requests, the machines that need a "
        "look first, and what to do. With --watch it stays on the terminal, drawn anew each second, until q or "
        "Ctrl-C."
    )
    status = _leaf(commands, "status", "operation.status_command.status", text)
    status.add_argument("--watch", action="store_true", help="stay, and show what changes")
    status.add_argument("--all", action="store_true", help="and tell all of keys, private network and DHT")
    text = "how many machines one by one, of 500 at most (default 20)"
    status.add_argument("--workers", type=lambda text: _count(text, 500), default=20, metavar="N", help=text)
    _leaf(
        commands,
        "doctor",
        "doctor",
        "Check health, registry, DHT and every service: what works, what not, what to do.",
    )


def _add_audit(commands: Any) -> None:
    text = (
        "List what was done and refused, the newest last. With `verify`: check that no line was changed, taken "
        "away or put in. It prints a mark that stands for the whole log; keep it elsewhere and give it to a later "
        "`verify` with --expect, and a lost end is found as well. Ends with exit code 1 where something is wrong."
    )
    audit = _leaf(commands, "audit", "access_commands.audit", text)
    audit.add_argument("what", nargs="?", choices=("list", "verify"), default="list",
                       help="list lines, or verify them all (default: list)")  # fmt: skip
    audit.add_argument("--limit", type=_count, default=100, metavar="N", help="how many entries (default 100)")
    audit.add_argument("--action", default="", metavar="NAME", help="only these, as key-created")
    audit.add_argument("--subject", default="", metavar="ID", help="only those about this machine, key or invite")
    audit.add_argument("--since", type=_duration, default=None, metavar="TIME", help="only the last 30m, 24h, 7d")
    audit.add_argument(
        "--expect", default="", metavar="N:HASH", help="verify: the mark that an earlier one printed"
    )
    text = "verify: the log in a backup, or in a database that no coordinator uses"
    audit.add_argument("--file", type=Path, default=None, metavar="FILE", help=text)


def _add_migrate(commands: Any) -> None:
    text = (
        "Move all that the mesh knows from one store to another, as from the file of one coordinator to etcd. All "
        "coordinators must be stopped. What was cut off goes on when it is started again."
    )
    parser = _leaf(commands, "migrate", "store_commands.migrate", text, asks=False)
    kinds = "sqlite, or etcd://HOST:PORT,...[?prefix=NAME]"
    parser.add_argument("--from", required=True, dest="source", metavar="STORE", help=f"where it is: {kinds}")
    parser.add_argument("--to", required=True, dest="target", metavar="STORE", help=f"where it is to be: {kinds}")
    parser.add_argument(
        "--force", action="store_true", help="replace what is in the target, when that is agreed to"
    )
    parser.add_argument("--yes", action="store_true", help="with --force: replace without asking")
    _add_store_access(parser)


def _add_store_access(parser: argparse.ArgumentParser) -> None:
    for name, metavar, meaning in (
        ("ca", "FILE", "file with the authority of etcd's certificates"),
        ("cert", "FILE", "file with the certificate for etcd"),
        ("key", "FILE", "file with that certificate's private key"),
        ("user", "NAME", "user in etcd"),
        ("password-file", "FILE", "file with that user's password (or RMA_STORE_PASSWORD)"),
    ):
        parser.add_argument(f"--store-{name}", default=None, metavar=metavar, help=meaning)


def _group(commands: Any, name: str, text: str) -> Any:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _leaf(commands: Any, name: str, function: str, text: str, *, asks: bool = True) -> argparse.ArgumentParser:
    """Add a command that asks a running coordinator, or one that works on a data directory and a store itself."""
    short = text.partition(".")[0].partition(":")[0]
    parser: argparse.ArgumentParser = commands.add_parser(name, help=short[0].lower() + short[1:], description=text)
    common = parser.add_argument_group("common options")
    common.add_argument("--json", action="store_true", help="print one JSON document")
    text = f"the {'running ' if asks else ''}coordinator's data directory, when it is not the usual one"
    common.add_argument("--data-dir", default=None, metavar="DIR", help=text)
    if asks:
        text = "the coordinator's URL, when it is not on this machine; its token is then read from RMA_ADMIN_TOKEN"
        common.add_argument("--url", default=os.environ.get("RMA_URL") or None, metavar="URL", help=text)
    common.add_argument("--config", default=None, metavar="FILE", help="a TOML file with settings")
    common.add_argument("--log-format", default=None, metavar="text|json", help="how logs on standard error look")
    parser.set_defaults(run=_command(function))
    return parser


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """Return what runs a function of `commands`, or of the module that is named before a dot."""

    def run(arguments: argparse.Namespace) -> int:
        module, _, function = name.rpartition(".")
        found = importlib.import_module(f"coordinator_server.{module or 'commands'}")
        return int(getattr(found, function)(arguments))

    return run


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except DurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _rate(text: str) -> str:
    from coordinator_server.gateway.rates import RateError, parse_rate

    try:
        return str(parse_rate(text))
    except RateError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str, most: int = 100_000) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from 1 to {most}")
    return int(text)


def _name(text: str) -> str:
    if not 1 <= len(text.strip()) <= LONGEST_NAME:
        raise argparse.ArgumentTypeError(f"a name has 1 to {LONGEST_NAME} letters")
    return _text(text)


def _id(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("an id is not empty")
    return _text(text)


def _text(text: str) -> str:
    """Refuse what the terminal gave us as bytes that are no letters: it cannot be sent to anybody."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} has something in it that is no letter") from None
    return text
