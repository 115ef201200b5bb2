"""What was detected, each with a mark and the fix: a survey in, findings out. Pure but for the language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from app import figures
from app.picture import Tone
from node.hardware.containers import ContainerEngine
from node.survey import Survey
from node.wire.messages import Capabilities, Gpu

translate = QCoreApplication.translate

GIB = 2**30
LITTLE_RAM, ENOUGH_RAM = 2 * GIB, 4 * GIB
LITTLE_DISK, ENOUGH_DISK = 2 * GIB, 10 * GIB
MOST_NAMED = 4  # cards, disks or addresses that one line names


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Tones: good, warn, bad; quiet is what can be known later only."""

    key: str
    glyph: str
    title: str
    tone: Tone
    text: str
    fix: str = ""


def findings(survey: Survey) -> tuple[Finding, ...]:
    """Return everything that was looked at, in the order in which it is shown."""
    found = survey.capabilities
    return (
        _gpu(survey),
        _processor(found),
        _memory(found),
        _disk(found),
        _addresses(survey),
        _nat(found),
        _vpn(survey),
        _containers(survey.containers),
    )


def worst(found: tuple[Finding, ...]) -> Tone:
    tones = {one.tone for one in found}
    return "bad" if "bad" in tones else "warn" if "warn" in tones else "good"


def mark(tone: Tone) -> str:
    """Say in a word what the mark's colour and shape say."""
    words: dict[Tone, str] = {
        "good": translate("Wizard", "Good"),
        "warn": translate("Wizard", "Could be better"),
        "bad": translate("Wizard", "Needs attention"),
    }
    return words.get(tone, translate("Wizard", "Known later"))


def _gpu(survey: Survey) -> Finding:
    make = _maker("gpu", "gpu", translate("Wizard", "Graphics card"))
    gpus = survey.capabilities.gpus
    usable = [gpu for gpu in gpus if gpu.usable]
    if usable:
        return make("good", _listed([_gpu_text(gpu) for gpu in usable]))
    if gpus:
        text = translate("Wizard", "{cards}: its driver lets no program compute on it.")
        fix = translate("Wizard", "Allow it as administrator, with: nvidia-smi --compute-mode=0")
        return make("warn", text.format(cards=_listed([_gpu_text(gpu) for gpu in gpus])), fix)
    if "NVIDIA" in survey.card_makers:
        text = translate("Wizard", "There is an NVIDIA card, but it cannot be used: {why}.")
        fix = translate("Wizard", "Install NVIDIA's driver, start the computer anew, and look again.")
        return make("warn", text.format(why=survey.gpu_note or translate("Wizard", "its driver is silent")), fix)
    if survey.gpu_note and "no NVIDIA driver" not in survey.gpu_note:
        fix = translate(
            "Wizard", "If there is a graphics card for AI models, install its driver anew, and look again."
        )
        return make("warn", translate("Wizard", "None can be used: {why}.").format(why=survey.gpu_note), fix)
    text = translate("Wizard", "None for AI models, as in most computers.")
    fix = translate("Wizard", "There is nothing to mend: this computer can help with text and documents.")
    return make("warn", text, fix)


def _gpu_text(gpu: Gpu) -> str:
    name = gpu.name or gpu.vendor or translate("Wizard", "Graphics card")
    if gpu.memory_bytes and gpu.driver:
        text = translate("Wizard", "{name} with {memory}, driver {driver}")
    elif gpu.memory_bytes:
        text = translate("Wizard", "{name} with {memory}")
    else:
        return name
    return text.format(name=name, memory=figures.size(gpu.memory_bytes), driver=gpu.driver)


def _processor(found: Capabilities) -> Finding:
    make = _maker("processor", "processor", translate("Wizard", "Processor"))
    cores = found.cpu_cores or found.cpu_threads
    if not cores:
        return make("bad", translate("Wizard", "Nothing could be found out about it."), _look_again())
    name = found.cpu_name or translate("Wizard", "A processor")
    text = translate("Wizard", "{name}, cores: {count}").format(name=name, count=figures.number(cores))
    if cores == 1:
        return make("warn", text, translate("Wizard", "It can help, but with little at a time."))
    return make("good", text)


def _memory(found: Capabilities) -> Finding:
    make = _maker("memory", "memory", translate("Wizard", "Memory"))
    if not found.ram_bytes:
        return make("bad", translate("Wizard", "Nothing could be found out about it."), _look_again())
    text = translate("Wizard", "{all}, of which {free} are free now").format(
        all=figures.size(found.ram_bytes), free=figures.size(found.ram_free_bytes)
    )
    if found.ram_bytes < LITTLE_RAM:
        return make(
            "bad", text, translate("Wizard", "Most services need more. It can join, but may get little to do.")
        )
    if found.ram_bytes < ENOUGH_RAM:
        return make("warn", text, translate("Wizard", "It is enough for the small services only."))
    return make("good", text)


def _disk(found: Capabilities) -> Finding:
    make = _maker("disk", "disk", translate("Wizard", "Disk"))
    text = translate("Wizard", "{free} are free").format(free=figures.size(found.disk_free_bytes))
    if found.disk_free_bytes < LITTLE_DISK:
        return make("bad", text, translate("Wizard", "Make room on the disk before you join, and look again."))
    if found.disk_free_bytes < ENOUGH_DISK:
        return make("warn", text, translate("Wizard", "It is enough to start with; some services need more room."))
    return make("good", text)


def _addresses(survey: Survey) -> Finding:
    make = _maker("network", "network", translate("Wizard", "Network"))
    useful = [one.address for one in survey.capabilities.addresses if one.scope in ("private", "public")]
    if not useful:
        fix = translate("Wizard", "Plug the cable in, or join a wireless network, and look again.")
        return make("bad", translate("Wizard", "This computer has no address in a network."), fix)
    text = translate("Wizard", "Addresses: {addresses}").format(addresses=_listed(useful))
    if not survey.gateway:
        fix = translate(
            "Wizard", "A coordinator in the same network can be reached; for others look at the router."
        )
        return make("warn", translate("Wizard", "{text}. No way leads out to the internet.").format(text=text), fix)
    return make("good", text)


def _nat(found: Capabilities) -> Finding:
    make = _maker("nat", "mesh", translate("Wizard", "Reachable from outside"))
    if found.has_public_ip:
        text = translate("Wizard", "It has a public address of its own: {address}.")
        fix = translate("Wizard", "Whether a firewall lets others in is tried after joining.")
        return make("good", text.format(address=found.public_ip or ""), fix)
    return make(
        "quiet",
        translate("Wizard", "It has no public address of its own, as at home and in most offices."),
        translate(
            "Wizard",
            "How the router treats it is measured with the coordinator's help after joining. Where no direct way "
            "leads in, requests come through the coordinator; there is nothing to set up.",
        ),
    )


def _vpn(survey: Survey) -> Finding:
    make = _maker("vpn", "trust", translate("Wizard", "Private network"))
    if survey.vpn == "ready":
        return make("good", translate("Wizard", "It can be opened here. It is tried out after joining."))
    if survey.vpn == "off":
        return make("quiet", translate("Wizard", "It is switched off in this program's settings."))
    text = (
        translate("Wizard", "The program that it needs is not here. Others are reached by slower routes.")
        if survey.vpn == "no-program"
        else translate("Wizard", "This program may not open one. Others are reached by slower routes.")
    )
    return make("warn", text, survey.vpn_text)


def _containers(engine: ContainerEngine) -> Finding:
    make = _maker("containers", "services", translate("Wizard", "Containers"))
    name = "Podman" if engine.name == "podman" else "Docker"
    if engine.state == "usable":
        text = translate("Wizard", "{engine} can be used.")
        return make("good", text.format(engine=f"{name} {engine.version}".rstrip()))
    if engine.state == "no-permission":
        text = translate("Wizard", "{engine} is here, but this program may not use it.")
        fix = translate("Wizard", "Only some services need it. Podman without root is the safer way to allow it.")
        return make("warn", text.format(engine=name), fix)
    if engine.state == "not-running":
        text = translate("Wizard", "{engine} is installed, but does not answer.")
        return make(
            "warn",
            text.format(engine=name),
            translate("Wizard", "Only some services need it. Start it, and look again."),
        )
    text = translate("Wizard", "Neither Docker nor Podman is here.")
    fix = translate(
        "Wizard", "Only some services need one of them; without it this computer helps with the others."
    )
    return make("warn", text, fix)


def _look_again() -> str:
    return translate("Wizard", "Look again; if it stays so, tell the person who invited you.")


def _listed(texts: list[str]) -> str:
    shown = ", ".join(texts[:MOST_NAMED])
    if len(texts) <= MOST_NAMED:
        return shown
    more = translate("Wizard", "{some} and {count} more")
    return more.format(some=shown, count=len(texts) - MOST_NAMED)


def _maker(key: str, glyph: str, title: str) -> Callable[..., Finding]:
    def make(tone: Tone, text: str, fix: str = "") -> Finding:
        return Finding(key, glyph, title, tone, text, fix)

    return make
