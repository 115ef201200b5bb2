"""The first step: what this is, what runs here, who sees what, how to pause and how to leave. Honest and short."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from app.widgets.columns import Columns
from app.widgets.frames import Card, Page, ReasonLine
from app.widgets.labels import label

translate = QCoreApplication.translate
Line = tuple[str, str, str]  # glyph, title, text


class AboutPage(Page):
    """Nothing is asked here: it is read, or not."""

    def __init__(self) -> None:
        super().__init__()
        intro = translate(
            "Wizard",
            "Charities and small organisations need computing power that they cannot pay for. With an invite "
            "from one "
            "of them, this computer answers some of their requests while you do not need all of it. You are paid "
            "nothing and you pay nothing but electricity.",
        )
        self.column.addWidget(label(intro, wrap=True))
        left: list[QWidget] = [_card(translate("Wizard", "What happens here"), what_happens())]
        right: list[QWidget] = [
            _card(translate("Wizard", "Who sees what"), who_sees()),
            _card(translate("Wizard", "You stay in charge"), in_charge()),
        ]
        self.column.addWidget(Columns(left, right))
        self.column.addStretch(1)


def what_happens() -> tuple[Line, ...]:
    return (
        (
            "trust",
            translate("Wizard", "What runs"),
            translate(
                "Wizard",
                "Only services that the mesh's operator has signed and that you allow. They run as programs of "
                "your "
                "own user, such as one that takes the text out of a PDF file.",
            ),
        ),
        (
            "mesh",
            translate("Wizard", "Who sends requests"),
            translate(
                "Wizard",
                "The organisations of the mesh that you join, and other computers in it. Nobody else can: every "
                "request carries a key or a signature that is checked.",
            ),
        ),
        (
            "disk",
            translate("Wizard", "What is kept"),
            translate(
                "Wizard",
                "This program neither logs nor stores the content of requests. A service may keep what it is for, "
                "such as a library of texts to search in.",
            ),
        ),
    )


def who_sees() -> tuple[Line, ...]:
    return (
        (
            "overview",
            translate("Wizard", "You"),
            translate(
                "Wizard",
                "What this computer does and how much: services, numbers of requests, routes. Whoever has all "
                "rights on "
                "a computer could also read what passes through it. So requests about people go only to computers "
                "that the operator has vetted.",
            ),
        ),
        (
            "peers",
            translate("Wizard", "The operator and the others in the mesh"),
            translate(
                "Wizard",
                "The name that you give this computer, its hardware and system, its network addresses, which "
                "services "
                "it runs and how busy it is. Not your files, not your screen, not what else you do.",
            ),
        ),
    )


def in_charge() -> tuple[Line, ...]:
    return (
        (
            "pause",
            translate("Wizard", "Pause whenever you like"),
            translate(
                "Wizard",
                "With one click, here or in the tray. On battery it pauses by itself, unless you say otherwise.",
            ),
        ),
        (
            "leave",
            translate("Wizard", "Leave at any time"),
            translate(
                "Wizard",
                "One click takes this computer out of the mesh and deletes its keys. You need nobody's consent.",
            ),
        ),
    )


def _card(title: str, lines: tuple[Line, ...]) -> Card:
    card = Card(title)
    for glyph, what, text in lines:
        line = ReasonLine()
        line.show_reason(what, text, "good")
        line.show_icon(glyph, "busy")
        card.body.addWidget(line)
    return card
