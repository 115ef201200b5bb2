"""How much of this computer all services together may use: caps with what the machine has beside them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QCoreApplication

from app import figures
from app.panels.settings_groups.graphics import most_memory
from app.panels.settings_groups.row import NOTHING, Change, Facts, Number, RuleRow, Size, Status
from app.widgets.frames import Card
from app.widgets.labels import label
from node.rules.caps import CapName, CapReport
from node.rules.settings import Caps

GB, MB = 2**30, 2**20
MOST = 9_999.0  # of any unit, where it is not known how much there is
REPORTS: Mapping[str, CapName] = {
    "cpu_percent": "cpu",
    "ram_bytes": "ram",
    "gpu_memory_bytes": "gpu-memory",
    "disk_bytes": "disk",
    "upload_bytes_per_second": "upload",
    "download_bytes_per_second": "download",
}
CPU = Caps().cpu_percent or 80


class LimitsCard(Card):
    """One row for each cap; switched off is without a limit."""

    def __init__(self, change: Change) -> None:
        super().__init__(QCoreApplication.translate("LimitsCard", "How much it may use at most"))
        self._change = change
        self._shown: dict[str, int] = {}
        self._bounds: dict[str, int] = {}
        self.cpu = RuleRow(self.tr("Limit the processor"))
        self.percent = Number(self.tr("Most of the processor, in per cent"), " %", 1, 100, 5)
        self.cores = label("", "muted")
        self.cpu.add_field(self.percent, self.cores)
        self.body.addWidget(self.cpu)
        gb, rate = self.tr(" GB"), self.tr(" MB/s")
        self.rows: dict[str, tuple[RuleRow, Size]] = {}
        self._of = {name: label("", "muted") for name in Caps.__struct_fields__ if name != "cpu_percent"}
        self._add("ram_bytes", self.tr("Limit the memory"), self.tr("Most memory"), gb, GB)
        text = self.tr("Limit the memory of each graphics card")
        self._add("gpu_memory_bytes", text, self.tr("Most memory of each graphics card"), gb, GB)
        self._add("disk_bytes", self.tr("Limit the disk space"), self.tr("Most disk space"), gb, GB)
        text = self.tr("Limit what is sent")
        self._add("upload_bytes_per_second", text, self.tr("Most that is sent each second"), rate, MB)
        text = self.tr("Limit what is received")
        self._add("download_bytes_per_second", text, self.tr("Most that is received each second"), rate, MB)
        self.cpu.switched.connect(lambda on: self._set("cpu_percent", self.percent.value() if on else None))
        self.percent.chosen.connect(partial(self._set, "cpu_percent"))

    def _add(self, name: str, sentence: str, spoken: str, unit: str, per: int) -> None:
        row, size = RuleRow(sentence), Size(spoken, unit, per, least=0.1, most=MOST)
        row.add_field(size, self._of[name])
        row.switched.connect(lambda on: self._set(name, self._shown[name] if on else None))
        size.chosen.connect(partial(self._set, name))
        self.rows[name] = (row, size)
        self.body.addWidget(row)

    def draw(self, facts: Facts) -> None:
        found, caps = facts.capabilities, facts.rules.caps
        self.percent.show_value(caps.cpu_percent or CPU)
        cores = self.tr("of all cores ({count})").format(count=found.cpu_cores or found.cpu_threads)
        self.cores.setText(cores if facts.detected else "")
        status = kept(facts, "cpu_percent", caps.cpu_percent)
        self.cpu.draw(on=caps.cpu_percent is not None, usable=facts.usable, status=status)
        self._bounds = {
            "ram_bytes": found.ram_bytes,
            "gpu_memory_bytes": most_memory(facts),
            "disk_bytes": found.disk_free_bytes,
        }
        for name, (row, size) in self.rows.items():
            cap: int | None = getattr(caps, name)
            most = self._bounds.get(name, 0)
            self._shown[name] = cap if cap is not None else at_first(name, most)
            size.show_bytes(self._shown[name], most)
            self._of[name].setText(self._bound(name, most))
            self._of[name].setVisible(bool(most))
            row.draw(on=cap is not None, usable=facts.usable, status=kept(facts, name, cap))

    def _bound(self, name: str, most: int) -> str:
        pattern = self.tr("of {size} that are free") if name == "disk_bytes" else self.tr("of {size}")
        return pattern.format(size=figures.size(most))

    def _set(self, name: str, value: int | None) -> None:
        self._change(self._names()[name], {"caps": {name: value}})

    def _names(self) -> dict[str, str]:
        return {
            "cpu_percent": self.tr("Limit of the processor"),
            "ram_bytes": self.tr("Limit of memory"),
            "gpu_memory_bytes": self.tr("Limit of the graphics card's memory"),
            "disk_bytes": self.tr("Limit of disk space"),
            "upload_bytes_per_second": self.tr("Limit of what is sent"),
            "download_bytes_per_second": self.tr("Limit of what is received"),
        }


def kept(facts: Facts, name: str, cap: int | None) -> Status:
    """Say how a cap is kept on this computer, as the node tells it."""
    told = next((one for one in facts.caps if one.name == REPORTS[name]), None)
    if cap is None or told is None or not facts.live or told.wanted != cap:
        return NOTHING
    text = " ".join(part for part in (_lead(told), told.how, told.why_not, _since(told)) if part)
    return Status(text, "good" if told.enforced else "warn")


def _lead(told: CapReport) -> str:
    """Say in a word or two whether this computer can be relied upon."""
    if not told.enforced:
        return QCoreApplication.translate("LimitsCard", "Cannot be kept here.")
    if told.watched:
        return QCoreApplication.translate("LimitsCard", "Only watched.")
    return QCoreApplication.translate("LimitsCard", "Kept.")


def _since(told: CapReport) -> str:
    if told.takes_hold == "now":
        return ""
    return QCoreApplication.translate("LimitsCard", "A change reaches services that run when they start next.")


def at_first(name: str, most: int) -> int:
    """Return a good limit to begin with: half of what there is."""
    if name.endswith("_per_second"):
        return 2 * MB
    return max(most // 2 // GB * GB, GB // 2) if most else 4 * GB
