"""The part of the routing page that tells of the past, made when it is first seen."""

from __future__ import annotations

from app.requests.card import RequestsCard
from app.requests.time_card import TimeCard


class PastCards:
    """Charts over time, and the last requests."""

    def __init__(self) -> None:
        self.over_time = TimeCard()
        self.requests = RequestsCard()
