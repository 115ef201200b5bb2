"""Each thing that is detected has a mark, and the fix where one is lacking."""

from __future__ import annotations

import msgspec
import pytest

from app.wizard.findings import Finding, findings, mark, worst
from node.hardware.containers import ContainerEngine
from node.survey import Survey
from node.wire.messages import Address, Gpu
from tests.support.samples import GIB, LONG
from tests.support.surveys import GOOD


def found(key: str, **changes: object) -> Finding:
    survey_fields = {name: changes.pop(name) for name in list(changes) if name in Survey.__struct_fields__}
    capabilities = msgspec.structs.replace(GOOD.capabilities, **changes)
    survey = msgspec.structs.replace(GOOD, capabilities=capabilities, **survey_fields)
    return next(one for one in findings(survey) if one.key == key)


def test_a_good_computer_is_good_all_over() -> None:
    tones = {one.key: one.tone for one in findings(GOOD)}
    assert tones.pop("nat") == "quiet", "that is measured after joining, and says so"
    assert set(tones.values()) == {"good"}
    assert worst(findings(GOOD)) == "good"


def test_everything_is_told() -> None:
    keys = [one.key for one in findings(GOOD)]
    assert keys == ["gpu", "processor", "memory", "disk", "network", "nat", "vpn", "containers"]
    assert found("gpu").text == "GeForce RTX 3060 with 12 GB, driver 560.35"
    assert "8" in found("processor").text
    assert found("containers").text == "Podman 5.4 can be used."
    assert "192.168.1.24" in found("network").text
    assert "127.0.0.1" not in found("network").text


@pytest.mark.parametrize(
    ("key", "changes", "tone", "says"),
    [
        ("gpu", {"gpus": ()}, "warn", "None for AI models"),
        (
            "gpu",
            {"gpus": (), "card_makers": ("NVIDIA",), "gpu_note": "no driver"},
            "warn",
            "cannot be used: no driver",
        ),
        ("gpu", {"gpus": (), "gpu_note": "the GPU probe ended with SIGABRT"}, "warn", "SIGABRT"),
        ("gpu", {"gpus": (Gpu(name="A100", usable=False),)}, "warn", "A100"),
        ("processor", {"cpu_cores": 1}, "warn", "cores: 1"),
        ("processor", {"cpu_cores": 0, "cpu_threads": 0}, "bad", "Nothing could be found out"),
        ("memory", {"ram_bytes": GIB}, "bad", "1.0 GB"),
        ("memory", {"ram_bytes": 3 * GIB}, "warn", "3.0 GB"),
        ("memory", {"ram_bytes": 0}, "bad", "Nothing could be found out"),
        ("disk", {"disk_free_bytes": GIB}, "bad", "1.0 GB"),
        ("disk", {"disk_free_bytes": 5 * GIB}, "warn", "5.0 GB"),
        ("network", {"addresses": ()}, "bad", "no address"),
        ("network", {"gateway": False}, "warn", "No way leads out"),
        ("nat", {"has_public_ip": True, "public_ip": "203.0.113.7"}, "good", "203.0.113.7"),
        ("vpn", {"vpn": "no-permission", "vpn_text": "Install the helper."}, "warn", "may not open one"),
        ("vpn", {"vpn": "no-program", "vpn_text": "Install Nebula."}, "warn", "not here"),
        ("vpn", {"vpn": "off"}, "quiet", "switched off"),
        ("containers", {"containers": ContainerEngine()}, "warn", "Neither"),
        ("containers", {"containers": ContainerEngine(name="docker", state="no-permission")}, "warn", "Docker"),
        ("containers", {"containers": ContainerEngine(name="podman", state="not-running")}, "warn", "Podman"),
    ],
)
def test_what_is_lacking_is_marked_with_the_fix(key: str, changes: dict[str, object], tone: str, says: str) -> None:
    one = found(key, **changes)
    assert one.tone == tone
    assert says in one.text
    assert one.fix or tone in ("good", "quiet")


def test_a_computer_of_which_nothing_is_known_is_told_too() -> None:
    shown = findings(Survey())
    assert worst(shown) == "bad"
    assert all(one.text for one in shown)


def test_a_hundred_addresses_are_counted() -> None:
    many = tuple(Address(interface="e", address=f"10.0.0.{n}", family="ipv4", scope="private") for n in range(60))
    text = found("network", addresses=many).text
    assert text.endswith("and 56 more")
    assert "10.0.0.3" in text


def test_names_that_others_gave_are_shown_whole() -> None:
    assert LONG in found("gpu", gpus=(Gpu(name=LONG),)).text


def test_marks_have_words_and_differ() -> None:
    words = [mark(tone) for tone in ("good", "warn", "bad", "quiet")]
    assert len(set(words)) == 4
