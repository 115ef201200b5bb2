"""Lets a program that serves hold as many connections as the system allows it, not as few as it has by habit."""

from __future__ import annotations

import contextlib
import sys

ENOUGH = 65_536


def allow_open_files(enough: int = ENOUGH) -> int | None:
    """Raise the soft limit of open files up to the hard one; return what it is now, or None where there is none.

    Shells give 1,024 by habit, which is the size of a table in an old interface (select); a connection is a file.
    """
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a second limit, which it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft
