"""What befell a call to a coordinator, by the error that it raised: one word for each thing to do about it.

Commands that only show such words need no HTTP library, which takes longer to load than all the rest of them.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import Literal

Failure = Literal[
    "proxy-password",
    "proxy-refuses",
    "proxy-unreachable",
    "name-unknown",
    "no-name-service",
    "certificate",
    "certificate-time",
    "no-tls",
    "no-network",
    "refused",
    "timeout",
    "broken",
]
PROXY_PASSWORD = 407
NO_NETWORK = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})
NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN})
# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
OUT_OF_TIME = frozenset({9, 10})

SENTENCES: dict[Failure, str] = {
    "proxy-password": "The proxy of this network wants a user name and a password that are right.",
    "proxy-refuses": "The proxy of this network does not let the connection through.",
    "proxy-unreachable": "The proxy that this computer is set to use does not answer.",
    "name-unknown": "Its name cannot be found: check the address and the internet connection.",
    "no-name-service": "Its name cannot be looked up: no name server answers.",
    "certificate": "Its certificate is not trusted by this machine.",
    "certificate-time": "Its certificate is not valid at the date that this computer's clock shows.",
    "no-tls": "What answers there does not speak the encryption (https) that its address asks for.",
    "no-network": "This computer has no network.",
    "refused": "It cannot be reached: nothing takes connections at its address now.",
    "timeout": "It did not answer in time.",
}


def failure_of(error: BaseException) -> Failure:
    """Return what an error of aiohttp, or of the system, means."""
    import aiohttp

    if isinstance(error, aiohttp.ClientHttpProxyError):
        return "proxy-password" if error.status == PROXY_PASSWORD else "proxy-refuses"
    if isinstance(error, aiohttp.WSServerHandshakeError) and error.status == PROXY_PASSWORD:
        return "proxy-password"  # a proxy that speaks for an address without encryption
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return "proxy-unreachable"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _of_certificate(error.certificate_error)
    if isinstance(error, aiohttp.ClientSSLError):
        return "no-tls"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return _of_name(error.os_error)
    if isinstance(error, TimeoutError):
        return "timeout"
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return _of_system(inner)


def _of_certificate(error: Exception) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in OUT_OF_TIME:
        return "certificate-time"
    return "certificate"


def _of_name(error: BaseException) -> Failure:
    """Tell a name that no server knows from servers that do not answer."""
    return "no-name-service" if isinstance(error, OSError) and error.errno in NOBODY_SAYS else "name-unknown"


NOBODY_SAYS = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL, getattr(socket, "EAI_SYSTEM", socket.EAI_FAIL)})


def _of_system(error: BaseException) -> Failure:
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if code in NO_NETWORK:
        return "no-network"
    if code in NO_ROUTE or code == errno.ETIMEDOUT:
        return "timeout"
    return "broken"


def why_unreachable(error: BaseException) -> str:
    """Say in a sentence why a coordinator could not be asked; never shows a proxy's password."""
    import aiohttp

    sentence = SENTENCES.get(failure_of(error))
    if sentence is not None:
        return sentence
    if isinstance(error, aiohttp.ClientConnectorError):
        code = error.os_error.errno  # asyncio's own text of it is for programmers
        return f"It cannot be reached ({os.strerror(code) if code and code > 0 else 'connection failed'})."
    return f"The connection broke ({type(error).__name__})."
