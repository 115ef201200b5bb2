from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any, Literal

import pytest

from node.program.errors import UserFacingError
from node.program.settings import SettingError, add_flags, load_settings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """A program's settings, one of each kind."""

    port: int = setting(8000, "TCP port", low=0, high=65535, env=("OLD_PORT",))
    pause: float = setting(30.0, "pause", unit="seconds", low=0.1)
    rate: float = setting(1.0, "rate")
    extra: float = setting(0.0, "one more (0: never)", unit="seconds")
    keyring: bool = setting(True, "use it")
    mode: Literal["auto", "off"] = setting("auto", "how", choices=("auto", "off"))
    name: str = setting("", "a name")
    nick: str | None = setting(None, "another name")
    allow: tuple[str, ...] = setting((), "what is allowed, 100 %", metavar="SERVICE")
    ports: tuple[int, ...] = setting((), "several", low=1)
    life: float = setting(60.0, "life", unit="seconds", low=40, high=7_776_000)
    hidden: str = setting("x", "not on the command line", flag=False)


def load(flags: dict[str, Any] | None = None, config: Path | None = None, /, **environ: str) -> Example:
    return load_settings(Example, flags or {}, environ, config)


def parse(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_flags(parser, Example)
    return vars(parser.parse_args(words))


def config_file(folder: Path, text: str) -> Path:
    path = folder / "rma.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_anything_the_defaults_hold() -> None:
    assert load() == Example()


def test_flags_beat_environment_beats_file_beats_default(tmp_path: Path) -> None:
    config = config_file(tmp_path, "port = 1\n")
    assert load(None, config).port == 1
    assert load(None, config, RMA_PORT="2").port == 2
    assert load({"port": "3"}, config, RMA_PORT="2").port == 3
    assert load({"port": None}, config, RMA_PORT="2").port == 2


def test_our_variable_beats_the_older_one_and_an_empty_one_is_none() -> None:
    assert load(OLD_PORT="5").port == 5
    assert load(OLD_PORT="5", RMA_PORT="6").port == 6
    assert load(OLD_PORT="5", RMA_PORT="").port == 5


def test_a_file_may_write_names_with_dashes(tmp_path: Path) -> None:
    @dataclasses.dataclass(frozen=True)
    class Dashed:
        dht_port: int = setting(1, "port")

    config = config_file(tmp_path, "dht-port = 7")
    assert load_settings(Dashed, {}, {}, config) == Dashed(7)


def test_a_flag_stands_for_every_setting_but_hidden_ones() -> None:
    flags = parse("--port", "1", "--no-keyring", "--allow", "a", "--allow", "b", "--config", "x", "--nick", "n")
    settings = load({name: value for name, value in flags.items() if name != "config"})
    assert (settings.port, settings.keyring, settings.allow, settings.nick) == (1, False, ("a", "b"), "n")
    assert flags["config"] == "x"
    with pytest.raises(SystemExit):
        parse("--hidden", "y")


def test_the_help_names_default_unit_and_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    text = " ".join(capsys.readouterr().out.split())
    for part in ("SECONDS", "pause (default 30)", "auto|off", "--no-keyring", "SERVICE", "100 %", "(default 8000)"):
        assert part in text
    assert "(0: never) (default 0)" in text


def test_a_list_is_one_variable_with_commas_or_a_list_in_the_file(tmp_path: Path) -> None:
    assert load(RMA_ALLOW="ocr, ner,,").allow == ("ocr", "ner")
    assert load(RMA_PORTS="1,2").ports == (1, 2)
    assert load(None, config_file(tmp_path, 'allow = ["ocr"]\nports = [3]')).allow == ("ocr",)


@pytest.mark.parametrize("text", ["1", "true", "YES", "on"])
def test_yes_has_many_words(text: str) -> None:
    assert load(RMA_KEYRING=text).keyring is True


@pytest.mark.parametrize("text", ["0", "false", "No", "OFF"])
def test_no_has_many_words(text: str) -> None:
    assert load(RMA_KEYRING=text).keyring is False


PORT = "a whole number from 0 to 65535"
PAUSE = "a number of at least 0.1 (seconds), or a duration like 90s, 30m or 7d"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"RMA_PORT": "many"}, f"Setting port (environment RMA_PORT) is 'many'; allowed is {PORT}."),
        ({"RMA_PORT": "70000"}, f"Setting port (environment RMA_PORT) is '70000'; allowed is {PORT}."),
        ({"RMA_PORT": "-1"}, f"Setting port (environment RMA_PORT) is '-1'; allowed is {PORT}."),
        ({"RMA_PORT": "1.5"}, f"Setting port (environment RMA_PORT) is '1.5'; allowed is {PORT}."),
        ({"OLD_PORT": "x"}, f"Setting port (environment OLD_PORT) is 'x'; allowed is {PORT}."),
        (
            {"RMA_PAUSE": "0"},
            f"Setting pause (environment RMA_PAUSE) is '0'; allowed is {PAUSE}.",
        ),
        (
            {"RMA_PAUSE": "nan"},
            f"Setting pause (environment RMA_PAUSE) is 'nan'; allowed is {PAUSE}.",
        ),
        ({"RMA_RATE": "inf"}, "Setting rate (environment RMA_RATE) is 'inf'; allowed is a number."),
        ({"RMA_RATE": "nan"}, "Setting rate (environment RMA_RATE) is 'nan'; allowed is a number."),
        (
            {"RMA_KEYRING": "maybe"},
            "Setting keyring (environment RMA_KEYRING) is 'maybe'; allowed is true or false.",
        ),
        ({"RMA_MODE": "on"}, "Setting mode (environment RMA_MODE) is 'on'; allowed is one of auto, off."),
        (
            {"RMA_PORTS": "1,0"},
            "Setting ports (environment RMA_PORTS) is '0'; allowed is a whole number of at least 1.",
        ),
    ],
)
def test_a_bad_variable_is_one_line_with_name_value_and_what_is_allowed(
    environ: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        load(None, None, **environ)
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


def test_a_bad_flag_is_named_as_it_was_typed() -> None:
    with pytest.raises(SettingError, match=r"^Setting port \(--port\) is 'x'; allowed is"):
        load({"port": "x"})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('port = "x"', f"is 'x'; allowed is {PORT}."),
        ("port = 1.5", f"is 1.5; allowed is {PORT}."),
        ("port = true", f"is True; allowed is {PORT}."),
        ("port = [1]", f"is [1]; allowed is {PORT}."),
        ("name = 5", "is 5; allowed is text."),
        ("name = {a = 1}", "is {'a': 1}; allowed is text."),
        ("keyring = 5", "is 5; allowed is true or false."),
        ("allow = 5", "is 5; allowed is a list."),
        ("allow = [5]", "is 5; allowed is text."),
        ("pause = inf", f"is inf; allowed is {PAUSE}."),
        (f"pause = 1{'0' * 400}", f"allowed is {PAUSE}."),
    ],
)
def test_a_bad_line_of_the_file_is_named_with_the_file(tmp_path: Path, line: str, message: str) -> None:
    config = config_file(tmp_path, line)
    with pytest.raises(SettingError) as caught:
        load(None, config)
    assert str(caught.value).endswith(message)
    assert f"({config})" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("prot = 1", " Did you mean port? The flags that"),
        ("key-ring = true", " Did you mean keyring? The flags that"),
        ("colour = 1", " The flags that --help lists are settings' names."),
    ],
)
def test_a_name_that_is_no_settings_is_told_with_the_nearest_one(tmp_path: Path, line: str, hint: str) -> None:
    config = config_file(tmp_path, line)
    with pytest.raises(UserFacingError) as caught:
        load(None, config)
    assert str(caught.value).startswith(f"There is no setting {line.partition(' ')[0]!r} ({config}).{hint}")
    assert caught.value.exit_code == 2


def test_seconds_may_be_written_as_a_duration_and_only_they(tmp_path: Path) -> None:
    assert load(RMA_PAUSE="7d").pause == 7 * 86400
    assert load({"pause": "1h30m"}).pause == 5400
    assert load(None, config_file(tmp_path, 'pause = "90s"')).pause == 90
    assert load(RMA_PAUSE="0.5").pause == 0.5
    with pytest.raises(SettingError, match=r"is '7d'; allowed is a number\."):
        load(RMA_RATE="7d")


def test_what_is_allowed_is_a_number_as_people_write_it() -> None:
    with pytest.raises(SettingError) as caught:
        load(RMA_LIFE="91d")
    assert "is '91d'; allowed is a number from 40 to 7776000 (seconds)" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "why"), [(b"port = ", "valid TOML"), (b"\xff", "readable TOML"), (None, "No such file")]
)
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, content: bytes | None, why: str) -> None:
    config = tmp_path / "rma.toml"
    if content is not None:
        config.write_bytes(content)
    with pytest.raises(SettingError, match=why):
        load(None, config)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="Setting config"):
        load(None, tmp_path)
