"""Text of others in a tooltip, which takes for markup whatever looks like it: pictures from anywhere included."""

from __future__ import annotations

from PySide6.QtGui import Qt


def tip(text: str) -> str:
    """Return a text that every tooltip shows as it is; only its angle brackets may look different.

    Qt offers no plain ones. A name with markup would else have Windows fetch a picture from somebody's server, and
    tell it who the volunteer is.
    """
    return text.replace("<", "‹").replace(">", "›") if Qt.mightBeRichText(text) else text
