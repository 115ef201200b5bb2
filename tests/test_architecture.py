"""Holds the house to its plan (ARCHITECTURE.md): who may import whom, how long files are, and what is tested."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = ("app", "node", "coordinator_server")
MAX_LINES = 500

# What each part of ours may import of ours; the longest matching name counts. A part may always import itself.
SHARED = ("node.wire", "node.program", "node.dht", "node.routing", "node.forwarding", "node.vpn")
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "app": ("node", "resources"),
    "coordinator_server": (*SHARED, "node.__version__", "resources"),
    "node": ("node", "resources"),
    "node.wire": (),
    "node.program": ("node.wire",),
    "node.identity": ("node.wire", "node.program", "node.state"),
    "node.hardware": ("node.wire", "node.program", "node.rules.sensed"),
    "node.dht": ("node.wire", "node.program"),
    "node.forwarding": ("node.wire", "node.program"),
    "node.routing": ("node.wire", "node.program", "node.forwarding", "node.dht", "node.state"),
    "node.services": ("node.wire", "node.program", "resources", "node.rules.caps", "node.rules.settings"),
    "node.services.limits.computer": ("node.program", "node.services", "node.hardware"),
    "node.vpn": ("node.wire", "node.program", "node.state"),
    "node.tunnel": (
        "node.wire",
        "node.program",
        "node.forwarding",
        "node.state",
        "node.events",
        "node.coordinator_client",
        "node.known_coordinators",
    ),
    "node.rules": ("node.program",),
    "node.state": ("node.wire", "node.rules"),
    "node.events": ("node.wire", "node.state", "node.rules"),
    "node.reasons": ("node.wire", "node.state"),
    "node.resting": ("node.wire", "node.state", "node.events", "node.rules", "node.gpu_work"),
    "node.gpu_work": ("node.wire", "node.state"),
    "node.known_coordinators": ("node.wire", "node.state", "node.routing.weighing"),
    "node.machine_contact": (
        "node.wire",
        "node.state",
        "node.events",
        "node.resting",
        "node.known_coordinators",
        "node.routing.weighing",
    ),
    "node.machine": (
        "node.wire",
        "node.state",
        "node.events",
        "node.reasons",
        "node.resting",
        "node.known_coordinators",
        "node.machine_contact",
    ),
}

# Decisions are functions over values: these never see a clock, a loop, a socket or a screen.
PURE = (
    "node.state", "node.events", "node.machine", "node.machine_contact", "node.reasons", "node.resting",
    "node.rules.settings",
    "node.rules.sensed", "node.rules.verdict", "node.rules.caps", "node.services.limits.plan", "node.gpu_work",
    "node.services.limits.verdicts", "node.forwarding.bandwidth.bucket",
    "node.rules.decide", "node.rules.schedule", "node.rules.texts",
    "node.vpn.events", "node.vpn.machine",
    "node.vpn.state", "node.vpn.overlap", "node.vpn.ways", "node.vpn.log_lines", "node.tunnel.reconnect",
    "node.known_coordinators", "node.activity.entries", "node.activity.told",
    "node.diagnostics.redaction", "node.diagnostics.shapes",
    "node.routing.history", "node.routing.weighing", "node.routing.journeys", "node.routing.samples",
    "coordinator_server.api.tally",
    "coordinator_server.registry.assignment", "coordinator_server.registry.machines",
    "coordinator_server.registry.fitness", "coordinator_server.registry.board",
    "coordinator_server.registry.keeping", "coordinator_server.registry.filling",
    "coordinator_server.registry.migration", "coordinator_server.registry.handover",
    "coordinator_server.registry.shortages", "coordinator_server.registry.plans",
    "coordinator_server.registry.membership", "coordinator_server.registry.runners",
    "coordinator_server.fleet.assigning", "coordinator_server.fleet.election", "coordinator_server.fleet.everybody",
    "coordinator_server.fleet.publishing", "coordinator_server.fleet.roster", "coordinator_server.registry.facts",
    "coordinator_server.gateway.portions", "coordinator_server.gateway.rates",
    "coordinator_server.operation.screen",
    "coordinator_server.relay.sizing", "coordinator_server.relay.tickets",
    "coordinator_server.seals.chain", "coordinator_server.seals.checking", "coordinator_server.probation.standing",
    "node.mesh_view.values", "node.mesh_view.told", "node.mesh_view.drawing", "node.mesh_view.changes",
    "node.mesh_view.traffic", "node.vitals.values", "node.vitals.energy",
    "app.topology.layout", "app.topology.camera",
    "node.reachability.observations", "node.reachability.nat", "node.reachability.routes",
    "node.tunnel.cloudflared.wish", "node.tunnel.cloudflared.lines", "node.tunnel.cloudflared.pauses",
    "node.tunnel.cloudflared.sentences",
)  # fmt: skip
IMPURE = frozenset(
    {
        "asyncio", "threading", "subprocess", "socket", "time", "datetime", "random", "secrets", "os", "pathlib",
        "logging", "aiohttp", "psutil", "PySide6",
    }
)  # fmt: skip

# Outside libraries with one home, so that everything else starts without them.
HOMES: Mapping[str, tuple[str, ...]] = {
    "PySide6": ("app",),
    "qasync": ("app",),
    "keyring": ("node.identity.keyring_store",),
    "pynvml": ("node.hardware.nvml_probe",),
    "jeepney": ("node.hardware.sensing",),
    "kademlia": ("node.dht",),
    "rpcudp": ("node.dht",),
    "prometheus_client": ("coordinator_server",),
    "zxingcpp": ("app.wizard.qr_program",),
}

# They run whatever is in the bytes that they are given.
NEVER = frozenset({"pickle", "marshal", "shelve"})

# Source files without a test file of their own, and why. Files with nothing but a docstring need no line here.
EXEMPT: Mapping[str, str] = {
    "node/standing_connections.py": "tunnel/test_channel.py and tunnel/test_relay.py drive it in a real node",
    "node/rules/texts.py": "sentences; test_decide.py reads them in its verdicts",
    "node/rules/caps.py": "values only; services/limits/test_plan.py reads all of them",
    "node/services/limits/hooks.py": "a protocol; test_lifecycle.py and limits/test_keeper.py play both its sides",
    "node/snoozes.py": "test_runtime.py and test_control_rules.py let snoozes end",
    "node/resting.py": "part of the machine; test_machine.py tells its stories",
    "node/rules/verdict.py": "values only; test_decide.py reads all of them",
    "node/rules/sensed.py": "values and a protocol; test_decide.py fills every field",
    "node/vitals/values.py": "values only; test_ledger.py and test_keeper.py fill them",
    "node/mesh_view/values.py": "values only; test_changes.py and test_drawing.py fill them",
    "node/survey.py": "values only; test_surveyor.py and the app's test_findings.py read them",
    "node/routing/journeys.py": "values only; test_recent.py reads all of them",
    "node/routing/samples.py": "values only; test_history.py reads all of them",
    "node/activity/entries.py": "values and their bounds; test_told.py and test_log.py read all of them",
    "node/state.py": "values only; test_machine.py reads all of them",
    "node/events.py": "values only; test_machine.py uses all of them",
    "node/reasons.py": "phase and reasons are what test_machine.py asserts",
    "node/front_desk.py": "test_control.py and test_cli.py ask it everything",
    "node/cli_client.py": "test_cli.py and tests/mesh run every command of it",
    "node/control_client.py": "test_cli.py and tests/mesh speak through it",
    "node/control_file.py": "two fields; test_control.py reads the file",
    "node/coordinator_talk.py": "tests/mesh has it talk to real coordinators that live, die and forget",
    "node/overlay_presence.py": "test_runtime.py has it come and go with the overlay",
    "node/member.py": "tests/mesh joins, leaves, restarts and loses coordinators with it",
    "node/mesh_session.py": "puts parts together; every test in tests/mesh runs it",
    "coordinator_server/front.py": "values only; the tests of handlers read all of them",
    "coordinator_server/assembly.py": "puts parts together; every test of a whole coordinator runs it",
    "coordinator_server/demo/processes.py": "tests/coordinator_server/demo/test_main.py runs it whole",
    "coordinator_server/demo/requests.py": "tests/coordinator_server/demo/test_main.py reads every answer",
    "node/forwarding/http1/limits.py": "values only; the tests of its neighbours set every one of them",
    "node/reachability/observations.py": "values only; the tests of its neighbours fill every one of them",
    "node/routing/parts.py": "values and a protocol; every test of the router fills them",
    "node/vpn/events.py": "values only; test_machine.py uses all of them",
    "node/vpn/run.py": "test_engine.py lets it read the log of every Nebula that it starts",
    "node/vpn/helper/client.py": "helper/test_server.py lets it talk to a real helper",
    "node/vpn/helper/session.py": "helper/test_server.py is a client of it in every test",
    "node/vpn/helper/messages.py": "values only; the helper's tests send all of them",
    "node/vpn/helper/reception.py": "helper/test_server.py and test_pipe_server.py come to it in every test",
    "node/vpn/helper/workshop.py": "helper/test_main.py and test_windows_main.py serve with it",
    "node/vpn/helper/windows_manager.py": "calls of Windows, no decision; helper/test_service.py plays them",
    "node/hardware/sensing/told.py": "one value; the test of every sensor reads it",
    "node/wire/headers.py": "names only; every HTTP test reads them",
    "node/services/builtin/__main__.py": "one call; every test of a builtin service starts it",
    "coordinator_server/relay/refusals.py": "test_calls.py and api/test_relay.py read every line that it keeps",
    "coordinator_server/registry/plans.py": "values; the tests of its neighbours read every one of them",
    "coordinator_server/api/shapes.py": "values only; the tests of handlers and of OpenAPI read them",
    "coordinator_server/gateway_processes/messages.py": "values only; test_channel.py and test_desk.py send them",
    "coordinator_server/gateway_processes/__main__.py": "one call; test_supervisor.py starts every process with it",
    "app/panels/routing_past.py": "two cards put together; test_routing.py draws them",
    "app/journal/painting.py": "test_view.py and panels/test_activity.py have it paint every kind of row",
    "app/journal/board.py": "the page itself; panels/test_activity.py plays all of it",
    "app/panels/__init__.py": "an abstract class of one method; the tests of every panel draw through it",
    "node/__main__.py": "two lines; every test that runs a node starts it",
    "coordinator_server/__main__.py": "two lines; every test that runs a coordinator starts it",
}


@cache
def sources() -> tuple[Path, ...]:
    return tuple(sorted(path for program in PROGRAMS for path in (ROOT / program).rglob("*.py")))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path: Path) -> tuple[tuple[int, str], ...]:
    """Return line and full name of every import, wherever in the file it stands."""
    return tuple(imports_in(path))


def imports_in(path: Path) -> Iterator[tuple[int, str]]:
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def is_in(name: str, parents: tuple[str, ...]) -> bool:
    return any(name == parent or name.startswith(parent + ".") for parent in parents)


def room_of(module: str) -> str:
    """Return the most exact entry of MAY_IMPORT that a module belongs to."""
    return max((room for room in MAY_IMPORT if is_in(module, (room,))), key=len)


def test_there_is_something_to_hold() -> None:
    assert len(sources()) > 50
    assert {short(path).split("/")[0] for path in sources()} == set(PROGRAMS)


def test_imports_go_one_way() -> None:
    ours = (*PROGRAMS, "resources", "tests", "bench", "installers")
    wrong = []
    for path in sources():
        room = room_of(module_name(path))
        wrong += [
            f"{short(path)}:{line} imports {name}"
            for line, name in imports_of(path)
            if is_in(name, ours) and not is_in(name, (room, *MAY_IMPORT[room]))
        ]
    assert wrong == []


def test_nobody_imports_in_a_circle() -> None:
    modules = {module_name(path): path for path in sources()}
    TopologicalSorter({name: ours_of(path, modules) for name, path in modules.items()}).prepare()


def test_gateway_processes_do_without_the_coordinator() -> None:
    modules = {module_name(path): path for path in sources()}
    found, left = set[str](), {"coordinator_server.gateway_processes.process"}
    while left:
        found |= left
        left = {name for module in left for name in ours_of(modules[module], modules)} - found
    assert not {"coordinator_server.application", "coordinator_server.registry.registry"} & found


def ours_of(path: Path, modules: Mapping[str, Path]) -> set[str]:
    """Return which of these modules a file imports, wherever in it that stands, and not for types alone."""
    typed = {
        line
        for node in tree_of(path).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    names = {name for line, name in imports_of(path) if line not in typed}
    return {name if name in modules else name.rpartition(".")[0] for name in names} & modules.keys()


def test_what_decides_is_pure() -> None:
    wrong = [
        f"{short(path)}:{line} imports {name}"
        for path in sources()
        if is_in(module_name(path), PURE)
        for line, name in imports_of(path)
        if name.split(".")[0] in IMPURE
    ]
    assert wrong == []


def test_outside_libraries_stay_in_their_homes() -> None:
    wrong = []
    for path in sources():
        for line, name in imports_of(path):
            library = name.split(".")[0]
            if library in NEVER or not is_in(module_name(path), HOMES.get(library, PROGRAMS)):
                wrong.append(f"{short(path)}:{line} imports {name}")
    assert wrong == []


def test_every_file_says_what_it_is_for_and_is_not_too_long() -> None:
    wrong = []
    for path in sources():
        lines = path.read_text("utf-8").count("\n")
        if lines > MAX_LINES:
            wrong.append(f"{short(path)} has {lines} lines; more than {MAX_LINES} are two subjects")
        if not ast.get_docstring(tree_of(path)):
            wrong.append(f"{short(path)} has no docstring")
    assert wrong == []


def holds_nothing(path: Path) -> bool:
    """Tell whether a file has neither functions nor classes, as an `__init__.py` should."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return path.name == "__init__.py" and not any(isinstance(node, kinds) for node in ast.walk(tree_of(path)))


def test_file_of(path: Path) -> Path:
    relative = path.relative_to(ROOT)
    name = relative.parent.name if path.name == "__init__.py" else path.stem
    return ROOT / "tests" / relative.parent / f"test_{name.strip('_')}.py"


test_file_of.__test__ = False  # type: ignore[attr-defined]  # its name is what it returns


def test_every_source_file_has_a_test_file_or_a_reason() -> None:
    missing = [
        f"{short(path)} has no {short(test_file_of(path))}"
        for path in sources()
        if not holds_nothing(path) and short(path) not in EXEMPT and not test_file_of(path).exists()
    ]
    assert missing == []


def test_no_exemption_is_stale() -> None:
    stale = [
        name
        for name, reason in EXEMPT.items()
        if not (ROOT / name).exists() or test_file_of(ROOT / name).exists() or len(reason) < 10
    ]
    assert stale == []


@pytest.mark.parametrize(
    ("module", "name", "allowed"),
    [
        ("node.wire.tokens", "node.wire.encoding", True),
        ("node.wire.tokens", "node.program.web", False),
        ("node.dht.node", "node.runtime", False),
        ("node.runtime", "node.dht.node", True),
        ("node.runtime", "app.tray", False),
        ("coordinator_server.cli", "node.program.settings", True),
        ("coordinator_server.cli", "node.runtime", False),
        ("coordinator_server.cli", "node.wirelike", False),
        ("app.tray", "coordinator_server.cli", False),
    ],
)
def test_the_rules_mean_what_they_say(module: str, name: str, allowed: bool) -> None:
    room = room_of(module)
    assert is_in(name, (room, *MAY_IMPORT[room])) == allowed
