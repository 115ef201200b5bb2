"""Numbers and times as people read them, in their language and its forms. The time is an argument."""

from __future__ import annotations

import time

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

from app.counted import counted

translate = QCoreApplication.translate

DASH = "–"
LAST_MOMENT = 32_000_000_000.0  # Unix seconds, in the year 2984: some systems know no time after 3000
LARGEST = 2**63 - 1


def size(count: int) -> str:
    """Return a number of bytes in the unit that suits, as computers are sold: 16 GB are 16 × 2^30."""
    if count < 1000:
        return translate("Figures", "{value} bytes").format(value=number(count))
    value, unit = count / 1024, 0
    while value >= 1000 and unit < 4:
        value /= 1024
        unit += 1
    return _with_unit(unit).format(value=decimal(value, 0 if value >= 9.95 else 1))


def _with_unit(unit: int) -> str:
    match unit:
        case 0:
            return translate("Figures", "{value} kB")
        case 1:
            return translate("Figures", "{value} MB")
        case 2:
            return translate("Figures", "{value} GB")
        case 3:
            return translate("Figures", "{value} TB")
        case _:
            return translate("Figures", "{value} PB")


def number(count: int) -> str:
    return QLocale().toString(max(-LARGEST, min(LARGEST, count)))


def decimal(value: float, digits: int) -> str:
    """Return a number with so many digits after the point."""
    return QLocale().toString(value, "f", digits)


def percent(fraction: float) -> str:
    return share(max(0.0, min(1.0, fraction)))


def share(fraction: float) -> str:
    """Return a share that may be more than all, such as that of two cores."""
    return translate("Figures", "{value} %").format(value=decimal(fraction * 100, 0))


def milliseconds(value: float | None) -> str:
    """Return a duration given in milliseconds; a dash when it is not known."""
    if value is None:
        return DASH
    if value >= 1000:
        return translate("Figures", "{value} s").format(value=decimal(value / 1000, 1))
    return translate("Figures", "{value} ms").format(value=decimal(value, 0 if value >= 10 else 1))


def rate(bytes_per_second: float | None) -> str:
    """Return how fast bytes go; a dash when it is not known."""
    if bytes_per_second is None:
        return DASH
    return translate("Figures", "{size}/s").format(size=size(int(bytes_per_second)))


def working_time(seconds: float) -> str:
    """Return for how long something has worked: `40 s`, `12 min`, `3.4 h`, `1,240 h`."""
    if seconds < 60:
        return translate("Figures", "{value} s").format(value=decimal(seconds, 0))
    if seconds < 3600:
        return translate("Figures", "{value} min").format(value=decimal(seconds / 60, 0))
    hours = seconds / 3600
    return translate("Figures", "{value} h").format(value=decimal(hours, 1 if hours < 100 else 0))


def energy(joules: float) -> str:
    """Return energy as people know it from their bills: `0 Wh`, `12 Wh`, `3.4 kWh`."""
    hours = joules / 3600
    if hours < 1000:
        return translate("Figures", "{value} Wh").format(value=decimal(hours, 1 if 0 < hours < 10 else 0))
    return translate("Figures", "{value} kWh").format(value=decimal(hours / 1000, 1 if hours < 100_000 else 0))


def local_time(when: float) -> time.struct_time:
    """Return Unix seconds as the clock on the wall has them; of nonsense that was told, the nearest there is."""
    return time.localtime(_told(when))


def _told(when: float) -> float:
    return min(LAST_MOMENT, max(0.0, when))  # in this order what is no number becomes 0


def clock_time(when: float, now: float) -> str:
    """Return when something will be, both Unix seconds: `14:30`, with the day if that is not today."""
    then, today = local_time(when), local_time(now)
    text = time.strftime("%H:%M", then)
    if then[:3] == today[:3]:
        return text
    day = QLocale().dayName(then.tm_wday + 1, QLocale.FormatType.LongFormat)
    return translate("Figures", "{weekday} {time}").format(weekday=day, time=text)


def long_date(when: float) -> str:
    """Return the day of Unix seconds in words: `Monday, 2 June 2025`."""
    day = QDateTime.fromSecsSinceEpoch(int(_told(when))).date()
    return QLocale().toString(day, QLocale.FormatType.LongFormat)


def ago(when: float, now: float) -> str:
    """Return how long ago something was, both Unix seconds."""
    seconds = max(0.0, now - when)
    if when <= 0:
        return DASH
    if seconds < 5:
        return translate("Figures", "now")
    if seconds < 90:
        return translate("Figures", "{value} s ago").format(value=decimal(seconds, 0))
    if seconds < 5400:
        return translate("Figures", "{value} min ago").format(value=decimal(seconds / 60, 0))
    if seconds < 48 * 3600:
        return translate("Figures", "{value} h ago").format(value=decimal(seconds / 3600, 0))
    return counted.days_ago(round(seconds / 86400))


def host_of(url: str) -> str:
    """Return the part of a URL that tells people where it leads; letters that pass for others as networks do."""
    host = url.partition("://")[2].partition("/")[0] or url
    return host if host.isascii() else ".".join(map(_as_networks_do, host.split(".")))


def _as_networks_do(label: str) -> str:
    """Return a part of a host's name in ASCII (RFC 3492): `а` of the Cyrillic script and our `a` look the same."""
    name, colon, port = label.partition(":")
    return label if name.isascii() else f"xn--{name.encode('punycode').decode('ascii')}{colon}{port}"
