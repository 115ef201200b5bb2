"""What each command of `rma-mesh-coordinator` does: ask the running coordinator, print for people or as JSON."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from coordinator_server.admin_client import AdminClient, find_coordinator, is_loopback
from coordinator_server.asking import agreed, is_asked, make_sure
from coordinator_server.tables import ago, plain, print_fields, print_table, say, tell, when
from node.program.errors import EXIT_FAILED, EXIT_USAGE, UserFacingError
from node.program.lifetime import print_json

Arguments = argparse.Namespace

FOLLOW = " `rma-mesh-coordinator status` says how far it is and whom it waits for."
BACKUP_NOTES = {
    "may-be-old": "Most members of the store do not answer: it has what one of them knew, and the newest changes "
    "may be missing. Make another one when they are back.",
    "not-audited": "The store takes no writes, so it is not in the audit log yet; a line follows when it does.",
}
INVITE_COLUMNS = (
    ("ID", "id"), ("STATUS", "status"), ("USED", "used_of"), ("TRUST", "trust"), ("SERVICES", "services_said"),
    ("EXPIRES", "expires"),
)  # fmt: skip
KEY_COLUMNS = (
    ("ID", "id"), ("NAME", "name"), ("STATUS", "status"), ("SERVICES", "services_said"), ("RATE", "rate"),
    ("EXPIRES", "expires"), ("LAST USED", "used"),
)  # fmt: skip
WORKER_COLUMNS = (
    ("ID", "worker_id"), ("NAME", "name"), ("TYPE", "type"), ("TRUST", "trust"), ("STATUS", "status"),
    ("LOAD", "load"), ("SERVICES", "services"), ("SEEN", "seen"),
)  # fmt: skip
PLAN_COLUMNS = (
    ("WORKER", "worker_id"), ("SERVICE", "service"), ("CHANGE", "action"), ("REASON", "reason"),
)  # fmt: skip


def serve(arguments: Arguments) -> int:
    """Run the coordinator until a signal."""
    from coordinator_server import serving
    from coordinator_server.config import CoordinatorConfig
    from node.program.lifetime import run_program
    from node.program.logs import configure_logging
    from node.program.service_manager import take_service_manager
    from node.program.settings import load_settings

    manager = take_service_manager(os.environ)
    config = load_settings(CoordinatorConfig, vars(arguments), os.environ, config_file_of(arguments))
    configure_logging(config.log_format, config.log_level)
    return run_program(lambda stop: serving.serve(config, stop, arguments.json, manager))


def create_invite(arguments: Arguments) -> int:
    wish = {
        "uses": arguments.uses,
        "expires_in": arguments.expires,
        "trust": arguments.trust,
        "services": arguments.services,
    }
    made = client_of(arguments).post("/api/admin/invites", wish)
    return show(arguments, made, lambda: _say_invite(made))


def _say_invite(made: Mapping[str, Any]) -> None:
    machines = "one machine" if made["uses"] == 1 else f"{made['uses']} machines"
    tell(f"Code:  {made['code']}")
    tell(f"Link:  {made['link']}")
    tell(f"It lets {machines} in until {when(made['expires_at'])}. It is not shown again (id {made['id']}).")
    (url,) = parse_qs(urlsplit(made["link"]).query).get("coordinator", [""])
    if is_loopback(url):
        tell(f"Only this machine can use it, as the link names {plain(url)}: for others, `serve --public-url URL`.")


def list_invites(arguments: Arguments) -> int:
    document = client_of(arguments).get("/api/admin/invites")
    rows = [
        row
        | {
            "used_of": f"{row['used']} of {row['uses']}",
            "services_said": row["services"] or "all",
            "expires": when(row["expires_at"]),
        }
        for row in document["invites"]
    ]
    empty = "There are no invites. Make one with `rma-mesh-coordinator invite create`."
    return show(arguments, document, lambda: print_table(rows, INVITE_COLUMNS, empty, sys.stdout))


def revoke_invite(arguments: Arguments) -> int:
    return _act(
        arguments, "DELETE", f"/api/admin/invites/{_part(arguments.id)}", "Invite {id} lets nobody in any more."
    )


def create_key(arguments: Arguments) -> int:
    wish = {
        "name": arguments.name,
        "services": arguments.services,
        "rate": arguments.rate,
        "expires_in": arguments.expires,
    }
    made = client_of(arguments).post(
        "/api/admin/keys", {name: value for name, value in wish.items() if value is not None}
    )
    return show(arguments, made, lambda: _say_key(made))


def _say_key(made: Mapping[str, Any]) -> None:
    tell(f"Key:  {made['key']}")
    services = ", ".join(made["services"]) or "all services"
    until = f"until {when(made['expires_at'])}" if made["expires_at"] else "without an end"
    tell(f"It is for {services}, at most {made['rate']}, {until}. It is not shown again (id {made['id']}).")
    tell("Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.")


def list_keys(arguments: Arguments) -> int:
    document = client_of(arguments).get("/api/admin/keys")
    rows = [
        row
        | {
            "services_said": row["services"] or "all",
            "expires": when(row["expires_at"]),
            "used": ago(row["last_used_at"]) + (f" from {row['last_used_from']}" if row["last_used_from"] else ""),
        }
        for row in document["keys"]
    ]
    empty = "There are no API keys. Make one with `rma-mesh-coordinator key create --name NAME`."
    return show(arguments, document, lambda: print_table(rows, KEY_COLUMNS, empty, sys.stdout))


def revoke_key(arguments: Arguments) -> int:
    if is_asked(arguments):
        keys = client_of(arguments).get("/api/admin/keys")["keys"]
        for name in [key["name"] for key in keys if key["id"] == arguments.id]:
            make_sure(f"Key {arguments.id} ({name}) is refused for good: whoever uses it needs a new one.")
    return _act(arguments, "DELETE", f"/api/admin/keys/{_part(arguments.id)}", "Key {id} is refused from now on.")


def list_workers(arguments: Arguments) -> int:
    document = client_of(arguments).get("/api/admin/workers")
    rows = [
        row
        | {
            "seen": ago(row["last_seen"]) if row["last_seen"] else "",  # else only another coordinator knows
            "status": row["status"] + (", on probation" if row["probation"] else ""),
        }
        for row in document["workers"]
    ]
    empty = "No machine has joined yet. Make an invite with `rma-mesh-coordinator invite create`."
    return show(arguments, document, lambda: print_table(rows, WORKER_COLUMNS, empty, sys.stdout))


def show_worker(arguments: Arguments) -> int:
    document = client_of(arguments).get(f"/api/admin/workers/{_part(arguments.id)}")
    return show(arguments, document, lambda: print_fields(_with_words(document), sys.stdout))


def _with_words(worker: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say in words where an empty list means that there is no limit."""
    found = worker["capabilities"]
    machine = found and {**found, "allowed_services": found["allowed_services"] or "all services"}
    return {**worker, "allowed": worker["allowed"] or "all services", "capabilities": machine}


def approve_worker(arguments: Arguments) -> int:
    client, path = client_of(arguments), f"/api/admin/workers/{_part(arguments.id)}"
    if is_asked(arguments) and arguments.trust != "volunteer":
        found = client.get(path)
        if found["status"] not in ("pending", "revoked") and found["trust"] != "vetted":
            end = "Only `worker revoke` takes that back"
            make_sure(f"{_called(found)} is in already: this trusts it with personal data. {end}.")
    document = client.post(f"{path}/approve", {"trust": arguments.trust})
    let_in = document["status"] == "let-in"
    text = "is let in, and gets work within a moment" if let_in else "is trusted with personal data now"
    return show(arguments, document, lambda: tell(f"{plain(arguments.id)} {text}."))


def refuse_worker(arguments: Arguments) -> int:
    if is_asked(arguments):
        found = client_of(arguments).get(f"/api/admin/workers/{_part(arguments.id)}")
        if found["status"] == "pending":
            make_sure(f"{_called(found)} is turned away for good: it needs a new invite to ask again.")
    return _change_worker(arguments, "refuse", "{id} is turned away, and its invite lets it in no more.")


def pardon_worker(arguments: Arguments) -> int:
    return _change_worker(arguments, "pardon", "{id} gets requests as others do again.")


def undrain_worker(arguments: Arguments) -> int:
    return _change_worker(arguments, "undrain", "{id} may take work again.")


def drain_worker(arguments: Arguments) -> int:
    return _change_worker(arguments, "drain", "{id} gets no new work. `worker undrain {id}` takes that back.")


def revoke_worker(arguments: Arguments) -> int:
    client, path = client_of(arguments), f"/api/admin/workers/{_part(arguments.id)}"
    if is_asked(arguments) and not arguments.unknown:
        found = client.find(path)  # None, too, where nobody can read what the store has of it
        if found is not None and found["status"] != "revoked":
            make_sure(
                f"{_called(found)} is put out for good: it can come back only as another one, by a new invite."
            )
    document = client.post(f"{path}/revoke", {"unknown": arguments.unknown})
    text = "is out. Other machines hear of it within a second, or with their next heartbeat."
    return show(arguments, document, lambda: tell(f"{plain(arguments.id)} {text}"))


def _called(worker: Mapping[str, Any]) -> str:
    return f"{worker['worker_id']} ({say(worker['name'])})"


def rotate_ca(arguments: Arguments) -> int:
    document = client_of(arguments).post("/api/admin/mesh/rotate-ca", {"force": arguments.force})
    texts = {
        "spreading": f"The rotation has begun: machines are given the new authority beside the old one.{FOLLOW}",
        "replacing": f"Every machine is given a certificate by the new authority.{FOLLOW}",
        "steady": "The rotation is done: only the new authority counts.",
    }
    return show(arguments, document, lambda: tell(texts[document["rotation"]]))


def rotate_key(arguments: Arguments) -> int:
    document = client_of(arguments).post("/api/admin/mesh/rotate-key", {"force": arguments.force})
    texts = {
        "spreading": f"The rotation has begun: every machine is given the new key beside the old one.{FOLLOW}",
        "replacing": f"The new key signs from now on: every machine is given a credential by it.{FOLLOW}",
        "steady": "The rotation is done: only the new key counts. Make a new backup now.",
    }
    return show(arguments, document, lambda: tell(texts[document["rotation"]]))


def backup(arguments: Arguments) -> int:
    client = client_of(arguments)
    _check_replaceable(arguments.file)
    saved = client.download("/api/admin/backup", arguments.file)
    document = {"file": str(arguments.file), "bytes": saved.size, "notes": list(saved.notes)}
    text = (
        f"{arguments.file} has {saved.size} bytes. It holds the mesh's keys: keep it where nobody else can read it."
    )
    more = [BACKUP_NOTES[note] for note in saved.notes if note in BACKUP_NOTES]
    return show(arguments, document, lambda: tell(plain(" ".join([text, *more]))))


def _check_replaceable(target: Path) -> None:
    """Refuse to write a backup over anything but an older one, as the coordinator's own database."""
    import tarfile

    if not target.exists() or target.is_dir():  # which is said where it cannot be written
        return
    with contextlib.suppress(OSError, EOFError):  # of what cannot be read, or ends half way
        if target.is_file() and (not target.stat().st_size or tarfile.is_tarfile(target)):
            return
    raise UserFacingError(
        f"{target} is there already and is no backup, so nothing was written.",
        "A backup would take its place.",
        "Name another file, or remove that one first.",
        EXIT_USAGE,
    )


def restore(arguments: Arguments) -> int:
    """Put a backup back; the coordinator must be stopped."""
    from coordinator_server.backup import has_data, restore_backup

    directory = directory_of(arguments)
    if not arguments.yes and not arguments.file.exists():
        raise UserFacingError("Nothing was restored.", f"There is no file {arguments.file}.", "", EXIT_USAGE)
    if (
        has_data(directory)
        and not arguments.yes
        and not agreed(f"This replaces the coordinator's data in {directory}.")
    ):
        raise UserFacingError(
            "Nothing was restored.",
            f"{directory} holds a coordinator's data, which would be set aside.",
            "Say --yes to put the backup in its place.",
            EXIT_USAGE,
        )
    kept = restore_backup(arguments.file, directory)
    document = {"file": str(arguments.file), "data_dir": str(directory), "kept": str(kept) if kept else None}
    text = (
        f"{arguments.file} was restored into {directory}."
        + (f" What was there is now {kept}." if kept else "")
        + " Start the coordinator again, and revoke once more whoever was revoked since that backup."
    )
    return show(arguments, document, lambda: tell(plain(text)))


def plan(arguments: Arguments) -> int:
    document = client_of(arguments).get("/api/admin/plan")
    return show(arguments, document, lambda: _say_plan(document))


def _say_plan(document: Mapping[str, Any]) -> None:
    tell(say(document["message"]))
    rows = list(document["moves"])
    rows += [row | {"action": "start later"} for row in document["waiting"]]
    for row in document["handovers"]:
        action = f"hand over to {row['target'] or 'others'}"
        rows.append(row | {"worker_id": row["source"], "action": action})
    if rows:
        print_table(rows, PLAN_COLUMNS, "", sys.stdout)


def doctor(arguments: Arguments) -> int:
    """Show what works and what not; fail when something does not."""
    document = client_of(arguments).get("/api/admin/doctor")
    show(arguments, document, lambda: _say_checks(document))
    return 0 if document["ok"] else EXIT_FAILED


def _say_checks(document: Mapping[str, Any]) -> None:
    for check in document["checks"]:
        tell(f"{'ok  ' if check['ok'] else 'FAIL'}  {say(check['name'])}: {say(check['detail'])}")
        if not check["ok"] and check["hint"]:
            tell(f"      {say(check['hint'])}")
    failed = sum(not check["ok"] for check in document["checks"])
    do = "does" if failed == 1 else "do"
    tell("Everything works." if not failed else f"{failed} of {len(document['checks'])} {do} not work.")


def _change_worker(arguments: Arguments, action: str, text: str) -> int:
    return _act(arguments, "POST", f"/api/admin/workers/{_part(arguments.id)}/{action}", text)


def _act(arguments: Arguments, method: str, path: str, text: str) -> int:
    client = client_of(arguments)
    document = client.delete(path) if method == "DELETE" else client.post(path)
    return show(arguments, document, lambda: tell(text.replace("{id}", plain(arguments.id))))


def show(arguments: Arguments, document: object, for_people: Callable[[], None]) -> int:
    if arguments.json:
        print_json(document)
    else:
        for_people()
    return 0


def client_of(arguments: Arguments) -> AdminClient:
    return find_coordinator(directory_of(arguments), arguments.url, os.environ.get("RMA_ADMIN_TOKEN") or None)


def directory_of(arguments: Arguments) -> Path:
    """Return the data directory: the flag, else what environment, settings file and defaults say."""
    from coordinator_server.config import CoordinatorConfig
    from node.program.settings import load_settings

    flags = {"data_dir": arguments.data_dir, "log_format": arguments.log_format}
    return load_settings(CoordinatorConfig, flags, os.environ, config_file_of(arguments)).directory


def config_file_of(arguments: Arguments) -> Path | None:
    return Path(arguments.config) if arguments.config else None


def _part(text: str) -> str:
    """Return an id as one part of a path, whatever was typed."""
    return quote(text, safe="") if text not in (".", "..") else quote(text + " ", safe="")
