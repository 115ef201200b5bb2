"""What others named a thing is never markup, in no tooltip."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import Qt

from app.widgets.tips import tip

APP = Path(__file__).parents[3] / "app"


@pytest.mark.parametrize(
    "evil", ["<b>bold</b>", "pc <img src='//evil.example/share/x.png'>", "<a href=x>y</a>", "a <h1>b</h1>"]
)
def test_what_looks_like_markup_is_shown_as_text(evil: str) -> None:
    assert Qt.mightBeRichText(evil)
    assert not Qt.mightBeRichText(tip(evil))
    assert tip(evil).replace("‹", "<").replace("›", ">") == evil


@pytest.mark.parametrize("plain", ["", "3 < 4 and 5 > 4", "GPU 0\n4 GB & more", "<", "‹fine›"])
def test_what_is_none_stays_as_it_is(plain: str) -> None:
    assert tip(plain) == plain


def shows() -> Iterator[tuple[str, int, str]]:
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            called = node.func
            ours = called.attr == "setToolTip" or ast.unparse(called) == "QToolTip.showText"
            if ours:
                yield str(path), node.lineno, ast.unparse(node.args[0 if called.attr == "setToolTip" else 1])


def test_every_tooltip_is_our_own_text_or_made_harmless() -> None:
    found = list(shows())
    assert len(found) > 10, "they are looked for where there are some"
    unsafe = [one for one in found if not one[2].startswith(("tip(", "self.tr(", "''"))]
    assert unsafe == []


def returned_for_tips() -> Iterator[tuple[str, str]]:
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.If):
                continue
            asks = ast.unparse(node.test)
            if "ToolTipRole" in asks and "not in" not in asks:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield str(path), ast.unparse(inner.value)


def test_so_is_what_tables_tell_of_their_cells() -> None:
    found = list(returned_for_tips())
    assert len(found) >= 4
    assert [one for one in found if "tip(" not in one[1]] == []
