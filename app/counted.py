"""Every text whose form depends on a number, in one place: `%Ln` is the number as the reader's locale writes it.

English has its forms in resources/translations/rma-mesh_en.ts, since other languages have more than two. They are
methods of a QObject because pyside6-lupdate finds plural forms in `self.tr` only.
"""

from __future__ import annotations

from PySide6.QtCore import QObject


class Counted(QObject):
    """Texts with a number in them."""

    def finishing(self, count: int) -> str:
        return self.tr("Finishing %Ln request(s).", "", count)

    def finishing_first(self, count: int) -> str:
        return self.tr("Finishing %Ln request(s) first.", "", count)

    def helping(self, count: int) -> str:
        return self.tr("Helping with %Ln service(s).", "", count)

    def requests(self, count: int) -> str:
        return self.tr("%Ln request(s)", "", count)

    def requests_last_minute(self, count: int) -> str:
        return self.tr("%Ln request(s) in the last minute", "", count)

    def computers(self, count: int) -> str:
        return self.tr("%Ln computer(s)", "", count)

    def other_computers(self, count: int) -> str:
        return self.tr("%Ln other computer(s)", "", count)

    def cores(self, count: int) -> str:
        return self.tr("%Ln core(s)", "", count)

    def days_ago(self, count: int) -> str:
        return self.tr("%Ln day(s) ago", "", count)

    def new_entries(self, count: int) -> str:
        return self.tr("%Ln new entry(s)", "", count)

    def found(self, count: int) -> str:
        return self.tr("%Ln found", "", count)

    def turn_of(self, count: int) -> str:
        return self.tr("It was the turn of {name} among %Ln computer(s).", "", count)

    def fewest_of(self, count: int) -> str:
        return self.tr("{name} had the fewest of our requests among %Ln computer(s).", "", count)

    def least_busy_of(self, count: int) -> str:
        return self.tr("{name} was picked among the least busy of %Ln computer(s).", "", count)

    def least_busy_with_load(self, count: int) -> str:
        return self.tr(
            "{name} was picked among the least busy of %Ln computer(s), with a load of {load}.", "", count
        )

    def passed_over(self, count: int) -> str:
        return self.tr("%Ln computer(s) were passed over, because they had failed too often.", "", count)


counted = Counted()
