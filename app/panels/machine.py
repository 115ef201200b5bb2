"""The card that says what was detected on this computer."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QWidget

from app import figures, wording
from app.widgets.frames import Card, Fact
from app.widgets.labels import label
from node.wire.messages import Address, Battery, Capabilities, Disk, Gpu


class MachineCard(Card):
    """Graphics card, processor, memory, disks, addresses, battery and system, as the node found them."""

    def __init__(self) -> None:
        super().__init__("This computer")
        self._waiting = label("The node is still looking at this computer.", "muted", wrap=True)
        self._facts = {
            "gpu": Fact("gpu", "Graphics"),
            "processor": Fact("processor", "Processor"),
            "memory": Fact("memory", "Memory"),
            "disk": Fact("disk", "Disks"),
            "network": Fact("network", "Addresses"),
            "battery": Fact("battery", "Power"),
            "system": Fact("system", "System"),
            "role": Fact("services", "Suited for"),
        }
        self.body.addWidget(self._waiting)
        for fact in self._facts.values():
            self.body.addWidget(fact)

    def show_capabilities(self, found: Capabilities | None) -> None:
        known = found is not None and found.cpu_threads > 0
        self._waiting.setVisible(not known)
        values = describe(found) if found is not None and known else {}
        for name, fact in self._facts.items():
            fact.show_value(values.get(name, ""))

    def facts(self) -> Iterable[QWidget]:
        return self._facts.values()


def describe(found: Capabilities) -> dict[str, str]:
    """Return each fact as a line of text; a fact that does not apply is left out."""
    values = {
        "gpu": _gpus(found.gpus),
        "processor": _processor(found),
        "memory": _memory(found),
        "disk": _disks(found.disks, found.disk_free_bytes),
        "network": _addresses(found.addresses, found.public_ip),
        "battery": _battery(found.battery),
        "system": " · ".join(filter(None, (found.os, found.architecture))),
        "role": wording.WORKER_TYPES[found.worker_type],
    }
    return {name: text for name, text in values.items() if text}


def _gpus(gpus: tuple[Gpu, ...]) -> str:
    if not gpus:
        return "None for AI models"
    return ", ".join(_gpu(gpu) for gpu in gpus)


def _gpu(gpu: Gpu) -> str:
    parts = [gpu.name or gpu.vendor or "Graphics card"]
    if gpu.memory_bytes:
        parts.append(figures.size(gpu.memory_bytes))
    if not gpu.usable:
        parts.append("cannot be used")
    return " · ".join(parts)


def _processor(found: Capabilities) -> str:
    count = figures.plural(found.cpu_cores or found.cpu_threads, "core")
    return f"{found.cpu_name} · {count}" if found.cpu_name else count


def _memory(found: Capabilities) -> str:
    if not found.ram_bytes:
        return ""
    return f"{figures.size(found.ram_bytes)} · {figures.size(found.ram_free_bytes)} free"


def _disks(disks: tuple[Disk, ...], free: int) -> str:
    if not disks:
        return f"{figures.size(free)} free" if free else ""
    return ", ".join(
        f"{disk.mount}: {figures.size(disk.free_bytes)} of {figures.size(disk.total_bytes)} free" for disk in disks
    )


def _addresses(addresses: tuple[Address, ...], public_ip: str | None) -> str:
    useful = [a.address for a in addresses if a.scope in ("private", "public") and a.address != public_ip]
    if public_ip:
        useful.insert(0, f"{public_ip} (public)")
    return ", ".join(useful) or "No network"


def _battery(battery: Battery | None) -> str:
    if battery is None:
        return ""
    source = "On battery" if battery.on_battery else "Plugged in"
    return f"{source} · {figures.percent(battery.charge)} charged"
