"""Finds out whether a public address leads to this very node: asks there for a word that only this node knows."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

import aiohttp

from node.program.answers import read_at_most
from node.program.plain_text import plain

PATH = "/.well-known/rma-mesh/"
TIME_LIMIT = aiohttp.ClientTimeout(total=15)  # seconds
MOST = 64 * 1024  # bytes of an answer


class Outside:
    """Asks by way of the internet, and knows what this node shall answer then."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}  # while a question is under way

    def answer_to(self, question: str) -> str | None:
        """Return the word that belongs to a question of ours; whoever made one up gets none."""
        return self._answers.get(question)

    async def why_not(self, session: aiohttp.ClientSession, url: str) -> str:
        """Return "" where the address leads to us, else in a sentence what happens there instead."""
        question, word = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._answers[question] = word
        try:
            async with session.get(
                url.rstrip("/") + PATH + question, timeout=TIME_LIMIT, allow_redirects=False
            ) as answer:
                said = await read_at_most(answer, MOST)
                if answer.status == 200 and said == word.encode():
                    return ""
                return f"Something else answers there, with status {answer.status}."
        except TimeoutError:
            return "Nothing answers there in time."
        except aiohttp.ClientConnectorDNSError:
            return f"The name {urlsplit(url).hostname} is not known."
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"Nothing answers there: {plain(str(error))[:160]}."
        finally:
            del self._answers[question]
