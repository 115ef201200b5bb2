"""What is left out of aiohttp is not used, and what stays answers as it did."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import connector, web

from node.program.light_aiohttp import unchecked
from tests.support.certificates import self_signed
from tests.support.web_site import web_site

PROGRAM = """
import json, ssl, sys
from node.program.light_aiohttp import import_lightly
early = "aiohttp" in sys.modules
import_lightly()
from aiohttp import connector, web_fileresponse
told = {
    "early": early,
    "unchecked": connector._SSL_CONTEXT_UNVERIFIED.cert_store_stats()["x509"],
    "checked": connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509"],
    "trusted": ssl.create_default_context().cert_store_stats()["x509"],
    "checks": connector._SSL_CONTEXT_VERIFIED.verify_mode == ssl.CERT_REQUIRED,
    "pages": web_fileresponse.CONTENT_TYPES.guess_type("index.html")[0],
}
print(json.dumps(told))
"""


def test_authorities_are_read_once_for_those_who_check() -> None:
    told = json.loads(
        subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, timeout=120).stdout
    )
    assert told.pop("checked") == told.pop("trusted")
    assert told == {"early": False, "unchecked": 0, "checks": True, "pages": "text/html"}


def test_ours_is_what_aiohttp_makes_but_for_the_authorities() -> None:
    theirs, ours = connector._make_ssl_context(verified=False), unchecked()
    for name in ("options", "verify_mode", "verify_flags", "check_hostname", "minimum_version", "maximum_version"):
        assert getattr(ours, name) == getattr(theirs, name), name


async def test_only_who_asks_for_it_talks_to_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "_SSL_CONTEXT_UNVERIFIED", unchecked())
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*self_signed(tmp_path))
    async with web_site(web.Application(), tls) as url, aiohttp.ClientSession() as session:
        async with session.get(url, ssl=False) as answer:
            assert answer.status == 404
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(url)
