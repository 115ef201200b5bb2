"""How busy this computer is at this moment: processor, memory, GPUs, disks and network, with their last minute."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from app import figures
from app.vitals_model import SECONDS, Sight
from app.widgets.frames import Card
from app.widgets.gauges import Gauge, Point, Reading, Tiles
from app.widgets.labels import label
from node.vitals.values import Gauges, GpuGauge
from node.wire.messages import Capabilities

QUIET_RATE = 100_000.0  # bytes per second; less than this does not fill a line
MOST_GPUS = 16
UNKNOWN = Reading(figures.DASH)


class LiveCard(Card):
    """A gauge for each part of the computer; what is old is said to be, and drawn grey."""

    def __init__(self) -> None:
        super().__init__(self.tr("This computer now"))
        self._when = label("", "small")
        self.corner.addWidget(self._when)
        self.cpu = Gauge("processor", self.tr("Processor"))
        self.memory = Gauge("memory", self.tr("Memory"))
        self.disk = Gauge("disk", self.tr("Disk"))
        self.network = Gauge("network", self.tr("Network"))
        self.gpus: list[Gauge] = []
        self._tiles = Tiles()
        self.body.addWidget(self._tiles)
        self.draw(Sight(), None, 0.0)

    def draw(self, sight: Sight, found: Capabilities | None, now: float) -> None:
        """Draw the newest look; `found` tells what GPUs there are where no driver tells of their use."""
        gauges = sight.latest.gauges if sight.latest is not None else None
        stale = sight.lost and gauges is not None
        self._when.setText(self.tr("As of %1").replace("%1", figures.clock_time(sight.told_at, now)))
        self._when.setVisible(stale)
        self.cpu.show_reading(self._cpu(sight, gauges) if gauges else UNKNOWN, stale=stale)
        self.memory.show_reading(self._memory(sight, gauges) if gauges else UNKNOWN, stale=stale)
        self.disk.show_reading(self._disk(sight, gauges) if gauges else UNKNOWN, stale=stale)
        self.network.show_reading(self._network(sight, gauges) if gauges else UNKNOWN, stale=stale)
        self._draw_gpus(sight, gauges, found, stale=stale)
        self._tiles.show_widgets(self._shown())

    def _shown(self) -> list[QWidget]:
        return [self.cpu, self.memory, *self.gpus, self.disk, self.network]

    def _draw_gpus(self, sight: Sight, gauges: Gauges | None, found: Capabilities | None, *, stale: bool) -> None:
        told = gauges.gpus if gauges else ()
        names = [gpu.name or gpu.vendor for gpu in (found.gpus if found else ())][:MOST_GPUS]
        count = min(MOST_GPUS, max(len(told), len(names)))
        while len(self.gpus) < count:
            self.gpus.append(Gauge("gpu", ""))
        while len(self.gpus) > count:
            self._tiles.show_widgets([one for one in self._shown() if one is not self.gpus[-1]])
            self.gpus.pop().deleteLater()
        for number, gauge in enumerate(self.gpus):
            name = told[number].name if number < len(told) else names[number]
            short = name or self.tr("Graphics card")
            gauge.show_name(self.tr("GPU %1: %2").replace("%1", str(number + 1)).replace("%2", short)
                            if count > 1 else self.tr("GPU: %1").replace("%1", short))  # fmt: skip
            gauge.show_reading(self._gpu(sight, told, number, measured=gauges is not None), stale=stale)

    def _cpu(self, sight: Sight, gauges: Gauges) -> Reading:
        ours = gauges.cpu_ours
        return Reading(
            value=figures.DASH if gauges.cpu is None else figures.percent(gauges.cpu),
            detail="" if ours is None else self._by_services(figures.percent(ours)),
            line=line_of(sight, lambda one: one.cpu),
            second=line_of(sight, lambda one: one.cpu_ours),
            hint=self.tr("Of all cores. The dashed line is what the mesh's services use."),
        )

    def _memory(self, sight: Sight, gauges: Gauges) -> Reading:
        size = max(1, gauges.memory_bytes)
        used = figures.size(gauges.memory_used_bytes)
        return Reading(
            value=self.tr("%1 of %2").replace("%1", used).replace("%2", figures.size(gauges.memory_bytes)),
            detail=self._by_services(figures.size(gauges.memory_ours_bytes)),
            line=line_of(sight, lambda one: one.memory_used_bytes / size),
            second=line_of(sight, lambda one: one.memory_ours_bytes / size),
            hint=self.tr("The dashed line is what the mesh's services use."),
        )

    def _by_services(self, amount: str) -> str:
        return self.tr("%1 by the mesh's services").replace("%1", amount)

    def _disk(self, sight: Sight, gauges: Gauges) -> Reading:
        read, written = figures.rate(gauges.disk_read_per_second), figures.rate(gauges.disk_written_per_second)
        most = highest(sight, lambda one: one.disk_read_per_second, lambda one: one.disk_written_per_second)
        detail = self.tr("Reads %1, writes %2").replace("%1", read).replace("%2", written)
        return Reading(
            value=self.tr("%1 free").replace("%1", figures.size(gauges.disk_free_bytes)),
            detail="" if gauges.disk_read_per_second is None else detail,
            line=line_of(sight, lambda one: one.disk_read_per_second, most),
            second=line_of(sight, lambda one: one.disk_written_per_second, most),
            hint=self.tr("Free where its data is. The line is what is read, the dashed one what is written."),
        )

    def _network(self, sight: Sight, gauges: Gauges) -> Reading:
        received, sent = figures.rate(gauges.received_per_second), figures.rate(gauges.sent_per_second)
        most = highest(sight, lambda one: one.received_per_second, lambda one: one.sent_per_second)
        return Reading(
            value=figures.DASH if gauges.received_per_second is None else f"↓ {received}",
            detail="" if gauges.sent_per_second is None else self.tr("↑ %1 sent").replace("%1", sent),
            spoken=self.tr("%1 received").replace("%1", received),
            line=line_of(sight, lambda one: one.received_per_second, most),
            second=line_of(sight, lambda one: one.sent_per_second, most),
            hint=self.tr("By all networks. The line is what is received, the dashed one what is sent."),
        )

    def _gpu(self, sight: Sight, told: tuple[GpuGauge, ...], number: int, *, measured: bool) -> Reading:
        if number >= len(told):
            return Reading(figures.DASH, self.tr("Its driver does not tell how busy it is.") if measured else "")
        gpu, parts = told[number], []
        if gpu.memory_used_bytes is not None and gpu.memory_bytes:
            used, size = figures.size(gpu.memory_used_bytes), figures.size(gpu.memory_bytes)
            parts.append(self.tr("%1 of %2").replace("%1", used).replace("%2", size))
        if gpu.celsius is not None:
            parts.append(self.tr("{degrees} °C").format(degrees=figures.decimal(gpu.celsius, 0)))
        if gpu.watts is not None:
            parts.append(self.tr("{watts} W").format(watts=figures.decimal(gpu.watts, 0)))
        return Reading(
            value=figures.DASH if gpu.busy is None else figures.percent(gpu.busy),
            detail=" · ".join(parts),
            line=line_of(sight, lambda one: one.gpus[number].busy if number < len(one.gpus) else None),
            second=line_of(sight, lambda one: _filled(one.gpus[number]) if number < len(one.gpus) else None),
            hint=self.tr("How busy it is. The dashed line is how much of its memory is used."),
        )


def _filled(gpu: GpuGauge) -> float | None:
    return gpu.memory_used_bytes / gpu.memory_bytes if gpu.memory_used_bytes and gpu.memory_bytes else None


def line_of(sight: Sight, value: Callable[[Gauges], float | None], most: float = 1.0) -> tuple[Point, ...]:
    """Return the last minute of a value, as a share of what is most."""
    if not sight.history:
        return ()
    newest = sight.history[-1][0]
    points = ((at, value(gauges)) for at, gauges in sight.history)
    return tuple(((newest - at) / SECONDS, one / most) for at, one in points if one is not None)


def highest(sight: Sight, *values: Callable[[Gauges], float | None]) -> float:
    """Return the highest of some rates in the last minute; what is hardly anything shall not look like much."""
    told = [one(gauges) or 0.0 for _, gauges in sight.history for one in values]
    return max([QUIET_RATE, *told])
