"""What the volunteer wants of this machine: when it rests, and how much of it may be used at most."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Scope = Literal["all", "gpu", "none"]  # every service, those that use the GPU, or no service at all

Minute = Annotated[int, msgspec.Meta(ge=0, le=1440)]  # of the day, in local time; 1440 is its end
Percent = Annotated[int, msgspec.Meta(ge=1, le=100)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Count = Annotated[int, msgspec.Meta(ge=1, le=2**53)]

Span = tuple[Minute, Minute]  # start and end; one across midnight is two, on two days
Day = Annotated[tuple[Span, ...], msgspec.Meta(max_length=24)]
Week = tuple[Day, Day, Day, Day, Day, Day, Day]  # Monday first

EVENINGS_AND_NIGHTS: Day = ((0, 480), (1080, 1440))
WHOLE_DAY: Day = ((0, 1440),)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """The hours in which this machine may work; while it is not `enabled`, that is always."""

    enabled: bool = False
    days: Week = (*(EVENINGS_AND_NIGHTS,) * 5, *(WHOLE_DAY,) * 2)

    def __post_init__(self) -> None:
        """Refuse a span that ends before it starts, which somebody may have meant to cross midnight."""
        for spans in self.days:
            for start, end in spans:
                if start >= end:
                    raise ValueError(f"a span ends after its start, and [{start}, {end}] does not")


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """How much all services together may use; None is without a limit."""

    cpu_percent: Percent | None = 80  # of all cores together
    ram_bytes: Count | None = None
    gpu_memory_bytes: Count | None = None  # of each GPU
    disk_bytes: Count | None = None
    upload_bytes_per_second: Count | None = None
    download_bytes_per_second: Count | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of one volunteer. A rule whose sensor cannot tell does not apply, and the view says so."""

    mesh_on: bool = True  # False: leave overlay and DHT and stop every service, but stay enrolled
    services_off: Annotated[tuple[Name, ...], msgspec.Meta(max_length=256)] = ()
    schedule: Schedule = Schedule()
    on_battery: bool = True  # True: everything rests while the computer runs on its battery ...
    battery_below_percent: Percent | None = None  # ... or only once that holds less than this
    metered: bool = True  # True: everything rests while the network counts or costs
    user_active_minutes: Annotated[int, msgspec.Meta(ge=1, le=240)] | None = 3  # since somebody used the computer
    user_active_scope: Scope = "gpu"  # what rests then
    exclusive_programs: Annotated[tuple[Name, ...], msgspec.Meta(max_length=256)] = ()  # all rests while one runs
    gpu_max_celsius: Annotated[int, msgspec.Meta(ge=40, le=110)] | None = 85  # hotter: what uses the GPU rests
    gpu_memory_of_others_bytes: Count | None = None  # other programs use more: what uses the GPU rests
    caps: Caps = Caps()
    grace_seconds: Annotated[int, msgspec.Meta(ge=0, le=600)] = 10  # a cause must last so long before we rest
    resume_after_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 60  # and be gone so long before we go on
