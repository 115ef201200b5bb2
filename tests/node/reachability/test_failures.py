"""What befell a call is one word, for errors as they really come."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from unittest.mock import Mock

import aiohttp
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from node.reachability.failures import SENTENCES, Failure, failure_of, why_unreachable

KEY = Mock(host="mesh.example", port=443, is_ssl=True, ssl=True)


def from_proxy(status: int, kind: type[aiohttp.ClientResponseError]) -> aiohttp.ClientResponseError:
    fields = CIMultiDictProxy(CIMultiDict({"Proxy-Authorization": "Basic c2VjcmV0"}))
    request = aiohttp.RequestInfo(URL("https://mesh.example"), "CONNECT", fields, URL("http://proxy:3128"))
    return kind(request, (), status=status, message="No")


def certificate(code: int) -> aiohttp.ClientConnectorCertificateError:
    inner = ssl.SSLCertVerificationError("certificate verify failed")
    inner.verify_code = code
    return aiohttp.ClientConnectorCertificateError(KEY, inner)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (from_proxy(407, aiohttp.ClientHttpProxyError), "proxy-password"),
        (from_proxy(403, aiohttp.ClientHttpProxyError), "proxy-refuses"),
        (from_proxy(407, aiohttp.WSServerHandshakeError), "proxy-password"),
        (aiohttp.ClientProxyConnectionError(KEY, ConnectionRefusedError()), "proxy-unreachable"),
        (certificate(18), "certificate"),
        (certificate(10), "certificate-time"),
        (certificate(9), "certificate-time"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version number")), "no-tls"),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "")), "name-unknown"),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_AGAIN, "")), "no-name-service"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(None, "no such domain")), "name-unknown"),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(errno.ECONNREFUSED, "")), "refused"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ENETUNREACH, "")), "no-network"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EHOSTUNREACH, "")), "timeout"),
        (TimeoutError(), "timeout"),
        (aiohttp.ServerTimeoutError(), "timeout"),
        (aiohttp.ServerDisconnectedError(), "broken"),
        (ConnectionResetError(), "broken"),
    ],
)
def test_errors_are_read(error: Exception, wanted: Failure) -> None:
    assert failure_of(error) == wanted
    sentence = why_unreachable(error)
    assert sentence.endswith(".")
    assert "c2VjcmV0" not in sentence
    assert wanted not in SENTENCES or sentence == SENTENCES[wanted]


def test_what_has_no_sentence_of_its_own_names_what_the_system_said() -> None:
    denied = PermissionError(errno.EPERM, "Connect call failed ('192.0.2.1', 80)")
    for inner, said in ((denied, os.strerror(errno.EPERM)), (OSError(), "connection failed")):
        assert why_unreachable(aiohttp.ClientConnectorError(KEY, inner)) == f"It cannot be reached ({said})."
    assert why_unreachable(aiohttp.ServerDisconnectedError()) == "The connection broke (ServerDisconnectedError)."
