"""The helper process that reads documents: a job on stdin, an answer on stdout, until stdin closes.

Each message is its length (8 bytes, big-endian) and MessagePack. A hostile document can crash or block this process
only; its parent replaces it.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from typing import IO

import msgspec

from node.services.builtin.document_processing.documents import Document, DocumentError, Job, Refusal, Success

LENGTH = struct.Struct(">Q")
MAX_MESSAGE = 512 * 2**20
MAX_MEMORY = 2 * 2**30  # bytes of address space


def main() -> int:
    """Serve jobs until the parent closes our stdin."""
    limit_memory()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    jobs = os.fdopen(os.dup(0), "rb")
    with contextlib.suppress(BrokenPipeError, EOFError):
        while True:
            answer = work(msgspec.msgpack.decode(receive(jobs), type=Job))
            send(answers, msgspec.msgpack.encode(answer))
    return 0


def work(job: Job) -> Success | Refusal:
    """Read one document; what goes wrong becomes a refusal."""
    try:
        return Success(_read(job))
    except DocumentError as error:
        return Refusal(error.code, error.reason)
    except MemoryError:
        return Refusal("too-complex", "The document needs more memory than a reader may use.")
    except Exception as error:
        print(f"a {job.kind} document raised {type(error).__name__}", file=sys.stderr, flush=True)  # noqa: T201
        return Refusal("broken", "The document is damaged: reading it failed.")


def send(stream: IO[bytes], message: bytes) -> None:
    stream.write(LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """Read one message; raise EOFError when the other side has gone."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(header)
    if length > MAX_MESSAGE:
        raise EOFError
    message = stream.read(length)
    if len(message) < length:
        raise EOFError
    return message


def limit_memory() -> None:
    """Bound our memory where the system can, so that a document cannot take the machine's."""
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(job: Job) -> Document:
    if job.kind == "pdf":
        from node.services.builtin.document_processing.pdf import read_pdf

        return read_pdf(job.data)
    if job.kind == "html":
        from node.services.builtin.document_processing.html import read_html

        return read_html(job.data, job.charset)
    from node.services.builtin.document_processing.plain import read_plain

    return read_plain(job.data, job.charset)
