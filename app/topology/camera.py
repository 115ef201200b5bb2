"""Which part of the map is looked at, how large, and where that is on the widget. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

SMALLEST, LARGEST = 0.02, 4.0  # pixels for a unit of the map
FIT_LARGEST = 1.5  # a small mesh does not fill the screen with three huge discs
MARGIN = 52.0  # pixels around all that fits
Size = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Camera:
    """The point of the map in the middle of the widget, and the scale."""

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0

    def on_screen(self, point: Point, size: Size) -> Point:
        """Return where a point of the map is on a widget of this size."""
        return (
            (point[0] - self.x) * self.scale + size[0] / 2,
            (point[1] - self.y) * self.scale + size[1] / 2,
        )

    def on_map(self, point: Point, size: Size) -> Point:
        """Return which point of the map is at one of the widget."""
        return (
            (point[0] - size[0] / 2) / self.scale + self.x,
            (point[1] - size[1] / 2) / self.scale + self.y,
        )

    def moved(self, across: float, down: float) -> Camera:
        """Return the camera after the map was dragged by so many pixels."""
        return replace(self, x=self.x - across / self.scale, y=self.y - down / self.scale)

    def zoomed(self, factor: float, at: Point, size: Size) -> Camera:
        """Return the camera so much nearer; what is at this point of the widget stays there."""
        scale = min(LARGEST, max(SMALLEST, self.scale * factor))
        x, y = self.on_map(at, size)
        return Camera(x - (at[0] - size[0] / 2) / scale, y - (at[1] - size[1] / 2) / scale, scale)

    def centred(self, point: Point, scale: float | None = None) -> Camera:
        """Return the camera over a point, at least as near as this scale."""
        return Camera(point[0], point[1], max(self.scale, min(LARGEST, scale or self.scale)))


def fitting(bounds: tuple[float, float, float, float], size: Size) -> Camera:
    """Return the camera that sees all of left, top, right and bottom."""
    left, top, right, bottom = bounds
    margin = min(MARGIN, 0.12 * min(size))
    across = (size[0] - 2 * margin) / max(1.0, right - left)
    down = (size[1] - 2 * margin) / max(1.0, bottom - top)
    scale = min(FIT_LARGEST, max(SMALLEST, min(across, down)))
    return Camera((left + right) / 2, (top + bottom) / 2, scale)
