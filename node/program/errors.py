"""The exception whose text a person will read."""

from __future__ import annotations

EXIT_FAILED = 1  # what was asked could not be done
EXIT_USAGE = 2  # a bad setting, flag or argument
EXIT_IN_USE = 3  # the port or data directory belongs to a running program
EXIT_UNREACHABLE = 4  # the program or coordinator that should answer does not
EXIT_REFUSED = 5  # it answered and said no (spent invite, wrong token, unknown service)


class UserFacingError(Exception):
    """What happened (`title`), why (`message`) and what to do next (`hint`)."""

    def __init__(self, title: str, message: str = "", hint: str = "", exit_code: int = EXIT_FAILED) -> None:
        super().__init__(title)
        self.title = title
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return " ".join(part for part in (self.title, self.message, self.hint) if part)
