"""What is different between two pictures of the mesh, and a picture with that applied. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, TypeVar

from node.mesh_view.values import MeshChange, MeshLink, MeshView

T = TypeVar("T")
_id: Callable[[Any], str] = attrgetter("id")


class GapError(ValueError):
    """A change does not follow on what we have: fetch all again."""


def difference(old: MeshView, new: MeshView, sequence: int) -> MeshChange | None:
    """Return what leads from one picture to another, or None when both say the same."""
    coordinators, gone_coordinators = _compared(old.coordinators, new.coordinators, _id)
    workers, gone_workers = _compared(old.workers, new.workers, _id)
    links, gone_links = _compared(old.links, new.links, _key)
    change = MeshChange(
        sequence=sequence,
        own_id=new.own_id,
        source=new.source,
        told_at=new.told_at,
        trouble=new.trouble,
        coordinators=coordinators,
        workers=workers,
        links=links,
        gone_coordinators=gone_coordinators,
        gone_workers=gone_workers,
        gone_links=gone_links,
    )
    same = (old.own_id, old.source, old.told_at, old.trouble) == (new.own_id, new.source, new.told_at, new.trouble)
    moved = coordinators or workers or links or gone_coordinators or gone_workers or gone_links
    return change if moved or not same else None


def applied(view: MeshView, change: MeshChange) -> MeshView:
    """Return the picture after a change; its parts stay in the order of their ids."""
    return MeshView(
        own_id=change.own_id,
        source=change.source,
        told_at=change.told_at,
        trouble=change.trouble,
        coordinators=_merged(view.coordinators, change.coordinators, change.gone_coordinators, _id),
        workers=_merged(view.workers, change.workers, change.gone_workers, _id),
        links=_merged(view.links, change.links, change.gone_links, _key),
    )


def _key(link: MeshLink) -> str:
    return link.key


def _compared(
    old: tuple[T, ...], new: tuple[T, ...], key: Callable[[T], str]
) -> tuple[tuple[T, ...], tuple[str, ...]]:
    """Return what is new or different, and the keys of what has gone."""
    if old is new:
        return (), ()
    before = {key(item): item for item in old}
    changed = tuple(item for item in new if before.pop(key(item), None) != item)
    return changed, tuple(before)


def _merged(
    items: tuple[T, ...], changed: Iterable[T], gone: tuple[str, ...], key: Callable[[T], str]
) -> tuple[T, ...]:
    newer = {key(item): item for item in changed}
    if not newer and not gone:
        return items
    known = {key(item): item for item in items}
    grows = any(name not in known for name in newer)
    known.update(newer)
    for name in gone:
        known.pop(name, None)
    return tuple(known[name] for name in sorted(known)) if grows else tuple(known.values())
