"""Every sentence about a request that has ended, in the language of the moment."""

from __future__ import annotations

import time
from collections.abc import Iterator

from PySide6.QtCore import QCoreApplication

from app import figures, wording
from app.counted import counted
from app.picture import Tone
from node.routing.journeys import Journey, Try
from node.wire.messages import Route

translate = QCoreApplication.translate
CLIENT_LEFT = 499


def clock(journey: Journey) -> str:
    return time.strftime("%H:%M:%S", figures.local_time(journey.at))


def worker(journey: Journey) -> str:
    if journey.worker is None:
        return figures.DASH
    return translate("Requests", "This computer") if journey.route == "local" else journey.worker


def way(route: Route | None) -> str:
    return wording.ROUTES[route].label if route is not None else figures.DASH


def result(journey: Journey) -> str:
    """Return in a word or two how it ended."""
    if journey.broken and journey.status != CLIENT_LEFT:
        return translate("Requests", "Cut off ({status})").format(status=journey.status)
    if journey.status == CLIENT_LEFT:
        return translate("Requests", "Called off")
    if journey.status < 400:
        return translate("Requests", "Answered ({status})").format(status=journey.status)
    if journey.status < 500:
        return translate("Requests", "Refused ({status})").format(status=journey.status)
    return translate("Requests", "Failed ({status})").format(status=journey.status)


def tone(journey: Journey) -> Tone:
    if journey.broken or journey.status >= 500:
        return "bad"
    return "warn" if journey.status >= 400 or any(one.failed for one in journey.tries) else "good"


def why(journey: Journey) -> str:
    """Return why this worker, in a sentence or two."""
    sentences = [_why(journey), *_besides(journey)]
    return " ".join(sentences)


def _why(journey: Journey) -> str:
    reason, name = journey.why, worker(journey)
    match reason.code:
        case "here":
            return translate(
                "Requests", "The service runs on this computer and had room, so nobody else was asked."
            )
        case "sent-here":
            return translate("Requests", "Another computer of the mesh sent it here, so it was served here.")
        case "nobody":
            if not journey.tries:
                return translate("Requests", "No computer offered this service then.")
            return translate("Requests", "Every computer that was asked failed.")
        case "instead":
            return translate("Requests", "{name} took over, because who was asked before it failed.").format(
                name=name
            )
        case "quicker":
            return translate("Requests", "{name} was asked beside a slower one, and answered first.").format(
                name=name
            )
        case "only-one":
            return translate("Requests", "{name} was the only one that could be asked.").format(name=name)
        case "turn":
            return counted.turn_of(reason.known).format(name=name)
        case "fewest":
            return counted.fewest_of(reason.known).format(name=name)
        case _:
            return _least_loaded(journey, name)


def _least_loaded(journey: Journey, name: str) -> str:
    if journey.why.load is None:
        return counted.least_busy_of(journey.why.known).format(name=name)
    text = counted.least_busy_with_load(journey.why.known)
    return text.format(name=name, load=figures.percent(journey.why.load))


def _besides(journey: Journey) -> Iterator[str]:
    reason = journey.why
    if reason.left_out:
        yield counted.passed_over(reason.left_out)
    if reason.avoided is not None:
        text = translate("Requests", "A better way ({way}) did not answer.")
        yield text.format(way=way(reason.avoided))
    if journey.broken:
        yield translate("Requests", "The answer was cut off: {reason}.").format(reason=journey.broken.rstrip("."))


def tries(journey: Journey) -> list[str]:
    """Return a line for each worker that was asked, in order."""
    return [f"{number}. {_try(one)}" for number, one in enumerate(journey.tries, 1)]


def _try(one: Try) -> str:
    values = {
        "name": one.worker,
        "way": way(one.route),
        "after": figures.milliseconds(one.after_ms),
        "took": figures.milliseconds(one.took_ms),
        "reason": one.failed.rstrip("."),
    }
    if one.failed:
        text = translate("Requests", "{name} ({way}), asked after {after}, failed after {took}: {reason}.")
    else:
        text = translate("Requests", "{name} ({way}), asked after {after}, began to answer after {took}.")
    return text.format(**values)


def details(journey: Journey) -> str:
    """Return all that is known of a request."""
    head = translate("Requests", "{service} at {time}: {result} after {took}.").format(
        service=journey.service,
        time=clock(journey),
        result=result(journey),
        took=figures.milliseconds(journey.ms),
    )
    return "\n".join([head, why(journey), *tries(journey)])
