"""A computer for the overlay's manager that starts no Nebula: it lets us, or not, and tells what it would tell."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

from node.vpn.engine import Engine
from node.vpn.events import InterfaceCameUp, MachineChecked, NebulaUpdated, Told
from node.vpn.settings import Plan

REFUSED = MachineChecked(permitted=False, text="Install the helper.", network="home")
ALLOWED = MachineChecked(permitted=True, network="home")


class FakeComputer:
    """Without rights, as long as nobody says `checked = ALLOWED`; it is its own engine, and keeps its plans."""

    def __init__(self, folder: Path = Path(), checked: MachineChecked = REFUSED) -> None:
        self.folder = folder
        self.checked = checked
        self.plans: list[Plan] = []
        self.stopped = 0
        self.takes_updates = True
        self.tell: Callable[[Told], None] = lambda _: None

    # a computer
    def check(self, network: IPv4Network) -> MachineChecked:
        return self.checked

    def outlook(self) -> str:
        return "home"

    def engine(self, on_told: Callable[[Told], None]) -> Engine:
        self.tell = on_told
        return self

    # an engine
    async def start(self, plan: Plan) -> None:
        self.plans.append(plan)
        self.tell(InterfaceCameUp("fake0", plan.listen_port))

    async def update(self, plan: Plan) -> None:
        self.plans.append(plan)
        if self.takes_updates:
            self.tell(NebulaUpdated(restarted=False))

    async def stop(self) -> None:
        self.stopped += 1
