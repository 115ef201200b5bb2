"""The card that says what was detected on this computer."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from app import figures, wording
from app.counted import counted
from app.widgets.frames import Card, Fact
from app.widgets.labels import label
from node.wire.messages import Address, Battery, Capabilities, Disk, Gpu

translate = QCoreApplication.translate


class MachineCard(Card):
    """Graphics card, processor, memory, disks, addresses, battery and system, as the node found them."""

    def __init__(self) -> None:
        super().__init__(translate("MachineCard", "This computer"))
        self._waiting = label(self.tr("The node is still looking at this computer."), "muted", wrap=True)
        self._facts = {
            "gpu": Fact("gpu", self.tr("Graphics")),
            "processor": Fact("processor", self.tr("Processor")),
            "memory": Fact("memory", self.tr("Memory")),
            "disk": Fact("disk", self.tr("Disks")),
            "network": Fact("network", self.tr("Addresses")),
            "battery": Fact("battery", self.tr("Power")),
            "system": Fact("system", self.tr("System")),
            "role": Fact("services", self.tr("Suited for")),
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
        "role": wording.worker_type_text(found.worker_type),
    }
    return {name: text for name, text in values.items() if text}


def _gpus(gpus: tuple[Gpu, ...]) -> str:
    if not gpus:
        return translate("MachineCard", "None for AI models")
    return ", ".join(_gpu(gpu) for gpu in gpus)


def _gpu(gpu: Gpu) -> str:
    parts = [gpu.name or gpu.vendor or translate("MachineCard", "Graphics card")]
    if gpu.memory_bytes:
        parts.append(figures.size(gpu.memory_bytes))
    if not gpu.usable:
        parts.append(translate("MachineCard", "cannot be used"))
    return " · ".join(parts)


def _processor(found: Capabilities) -> str:
    count = counted.cores(found.cpu_cores or found.cpu_threads)
    return f"{found.cpu_name} · {count}" if found.cpu_name else count


def _memory(found: Capabilities) -> str:
    if not found.ram_bytes:
        return ""
    return f"{figures.size(found.ram_bytes)} · {_free(found.ram_free_bytes)}"


def _free(count: int) -> str:
    return translate("MachineCard", "{size} free").format(size=figures.size(count))


def _disks(disks: tuple[Disk, ...], free: int) -> str:
    if not disks:
        return _free(free) if free else ""
    one = translate("MachineCard", "{place}: {free} of {all} free")
    return ", ".join(
        one.format(place=disk.mount, free=figures.size(disk.free_bytes), all=figures.size(disk.total_bytes))
        for disk in disks
    )


def _addresses(addresses: tuple[Address, ...], public_ip: str | None) -> str:
    useful = [a.address for a in addresses if a.scope in ("private", "public") and a.address != public_ip]
    if public_ip:
        useful.insert(0, translate("MachineCard", "{address} (public)").format(address=public_ip))
    return ", ".join(useful) or translate("MachineCard", "No network")


def _battery(battery: Battery | None) -> str:
    if battery is None:
        return ""
    source = _plugged(battery)
    charged = translate("MachineCard", "{percent} charged").format(percent=figures.percent(battery.charge))
    return f"{source} · {charged}"


def _plugged(battery: Battery) -> str:
    return translate("MachineCard", "On battery") if battery.on_battery else translate("MachineCard", "Plugged in")
