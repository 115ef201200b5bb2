"""The doctor's findings as lines for people: what works, what does not, and what to do about it. Pure."""

from __future__ import annotations

from textwrap import wrap

from node.doctor import Check, Diagnosis

WIDTH = 100  # characters
ROUTES = "How others reach this machine (one way is enough):"


def doctor_lines(found: Diagnosis) -> list[str]:
    """Return the lines: everything else first, then the routes, and what it all comes to."""
    works = {one.route: one.works for one in found.routes}
    routes = [check for check in found.checks if check.name in works]
    rest = [check for check in found.checks if check.name not in works]
    lines = [line for check in rest for line in _lines(check, works=True)]
    lines += ["", ROUTES] + [line for check in routes for line in _lines(check, works=works[check.name])]  # type: ignore[index]  # it is in there
    return [*lines, "", _verdict(found)]


def _lines(check: Check, *, works: bool | None) -> list[str]:
    mark = "BAD" if not check.ok else "ok" if works else "-"
    said = wrap(f"{check.name}: {check.detail}", WIDTH, initial_indent=f"{mark:<5}", subsequent_indent=" " * 5)
    todo = wrap(check.hint, WIDTH, initial_indent="     -> ", subsequent_indent=" " * 8) if check.hint else []
    return said + todo


def _verdict(found: Diagnosis) -> str:
    wrong = [check.name for check in found.checks if not check.ok]
    if not wrong:
        return "Nothing is wrong."
    return f"To look at: {', '.join(wrong)}."
