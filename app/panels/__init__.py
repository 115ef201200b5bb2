"""The window's panels: one widget and one file each, drawn whole from a Picture by `draw`, never read back.

`overview` says what this machine is and does, `services` lists what it was given,
`mesh` who is in the mesh, `routing` how requests travel; `machine` (what was detected) is shared by the first two.
"""

from __future__ import annotations

from app.picture import Picture
from app.widgets.frames import Page


class Panel(Page):
    """A page of the window that is drawn from the picture; `now` is Unix seconds."""

    def draw(self, picture: Picture, now: float, /) -> None:
        raise NotImplementedError
