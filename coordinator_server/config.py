"""The coordinator's settings, each with its unit and meaning; names and defaults are those of SPEC §4 and §8."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from pathlib import Path
from typing import NoReturn

import platformdirs

from coordinator_server.enrolment.addresses import parse_network
from coordinator_server.gateway.rates import RateError, parse_rate
from coordinator_server.store.etcd.address import ALLOWED, parse_address
from node.program.settings import SettingError, setting

DAY = 86400.0
SQLITE = "sqlite"
CF_ID = re.compile(r"[0-9a-f]{32}")
CF_TOKEN = re.compile(r"[!-~]{10,400}")
KV_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,99}")
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?/?")
ENDPOINT_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def default_data_dir() -> str:
    """Return the user's data directory for the coordinator."""
    return platformdirs.user_data_dir("rma-mesh-coordinator", appauthor=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoordinatorConfig:
    """Everything that may be set for a coordinator."""

    host: str = setting("127.0.0.1", "address to listen on; 0.0.0.0 lets every network reach it")
    port: int = setting(8080, "TCP port for requests; 0 takes a free one", low=0, high=65535)
    workers: int = setting(
        1,
        "processes that take requests to services, where one processor core is not enough; 1 to 64",
        metavar="N",
        low=1,
        high=64,
    )
    data_dir: str = setting(
        "", f"where keys and the database are kept (default {default_data_dir()})", metavar="DIR"
    )
    store: str = setting(
        "sqlite",
        "where enrolments, keys and audit are kept: a file in the data directory, or etcd, for coordinators on "
        "several machines",
        metavar="sqlite|etcd://HOST:PORT,HOST:PORT,…[?prefix=NAME]",
    )
    store_ca: str = setting("", "file with the authority that etcd's certificates are by; uses TLS", metavar="FILE")
    store_cert: str = setting("", "file with this coordinator's certificate for etcd (PEM)", metavar="FILE")
    store_key: str = setting("", "file with that certificate's private key (PEM)", metavar="FILE")
    store_user: str = setting("", "name of this coordinator's user in etcd", metavar="NAME")
    store_password: str = setting("", "that user's password", flag=False, secret=True)
    store_password_file: str = setting("", "file with that user's password", metavar="FILE")
    key_passphrase_file: str = setting(
        "",
        "file with the passphrase under which the mesh's private keys are sealed in the store; without one they "
        "are in files of the data directory",
        metavar="FILE",
    )
    key_passphrase: str = setting("", "that passphrase itself", flag=False, secret=True)
    min_free_disk: int = setting(
        50 * 2**20,
        "free space for the data directory below which the coordinator does not start",
        unit="bytes",
        low=0,
    )
    ignore_clock: bool = setting(
        False, "start although this computer's clock is far behind the newest line of the audit log"
    )
    public_url: str = setting("", "URL by which workers and frontends reach this coordinator", metavar="URL")
    location: str = setting("", "where this coordinator stands, for people", metavar="TEXT")
    dht_host: str = setting("", "address of the DHT; as --host when empty", metavar="HOST")
    dht_port: int = setting(8468, "UDP port of the DHT; 0 takes a free one", low=0, high=65535)
    vpn: str = setting(
        "auto", "the mesh's private network; auto opens it where this computer allows it", choices=("auto", "off")
    )
    vpn_network: str = setting(
        "10.42.0.0/16", "addresses of the private network, from /8 to /28", metavar="NETWORK"
    )
    vpn_port: int = setting(4242, "UDP port of the private network, open to workers", low=1, high=65535)
    vpn_endpoints: tuple[str, ...] = setting(
        (),
        "name or IPv4 address, and UDP port if another one, by which workers find this coordinator's overlay port "
        "from outside, as behind a router; as --public-url or --host when empty; may be given several times",
        metavar="HOST[:PORT]",
    )
    cf_account_id: str = setting(
        "", "Cloudflare account with a KV namespace for the entry points", env=("CF_ACCOUNT_ID",), flag=False
    )
    cf_kv_namespace_id: str = setting("", "id of that namespace", env=("CF_KV_NAMESPACE_ID",), flag=False)
    cf_api_token: str = setting("", "token that may write to it", env=("CF_API_TOKEN",), flag=False, secret=True)
    cf_kv_key: str = setting("entry-points", "key there that holds the list", flag=False)
    cf_kv_writes_per_day: int = setting(
        1000, "most writes to it from 00:00 to 24:00 UTC", low=1, high=1_000_000, flag=False
    )
    cf_api: str = setting("https://api.cloudflare.com/client/v4", "Cloudflare's API", flag=False)
    edge: str = setting("", "has no effect: this version registers with no edge router", metavar="URL")
    anonymous: bool = setting(False, "let everybody on this machine use /service without a key")
    force_anonymous: bool = setting(
        False, "let everybody who can reach --host use /service without a key: think twice"
    )
    tls_cert: str = setting("", "file with the certificate chain (PEM); serves HTTPS", metavar="FILE")
    tls_key: str = setting("", "file with the certificate's private key (PEM)", metavar="FILE")
    services_dir: tuple[str, ...] = setting(
        (), "folder with further service manifests; may be given several times", metavar="DIR"
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        "origin of pages that may call from a browser, as https://rma.example.org; may be given several times",
        metavar="ORIGIN",
    )
    admin_token: str = setting(
        "", "admin token in place of the one in the data directory", flag=False, metavar="TOKEN", secret=True
    )
    log_format: str = setting("text", "form of the log", choices=("text", "json"))
    log_level: str = setting("info", "how much is logged", choices=("debug", "info", "warning", "error"))
    access_log: str = setting(
        "off",
        "a line of JSON for each request: a FILE, - for the program's log, or off, for addresses of clients are "
        "personal data",
        metavar="FILE|-|off",
    )
    access_log_sample: float = setting(
        1.0,
        "share of requests in the access log, 0 to 1; failures (5xx) and refusals (401, 403, 429) are in it all "
        "the same, up to 200 a second",
        metavar="SHARE",
        low=0,
        high=1,
    )

    max_body_bytes: int = setting(64 * 2**20, "largest body of a /service request", unit="bytes", low=1024)
    max_message_bytes: int = setting(2**20, "largest body of any other request", unit="bytes", low=4096)
    worker_heartbeat: float = setting(
        30.0, "longest time between two heartbeats of a worker", unit="seconds", low=0.1, high=3600
    )
    coordinator_heartbeat: float = setting(
        20.0,
        "pause after which this coordinator tells others that share its store how it is; that it has died "
        "they know within 12 seconds",
        unit="seconds",
        low=0.2,
        high=3600,
    )
    channels: int = setting(
        10_000,
        "most workers that have a channel on which they hear at once what has changed; heartbeats tell others",
        low=0,
        high=65_536,
    )
    channel_ping: float = setting(
        20.0,
        "pause between pings on a worker's channel, which is cut when half of it passes without an answer",
        unit="seconds",
        low=0.1,
        high=3600,
    )
    relay_connections_per_worker: int = setting(
        64, "most connections that one worker opens to us, because we cannot connect to it", low=0, high=1024
    )
    relay_connections: int = setting(
        8192, "most connections that all workers together open to us", low=0, high=65_536
    )
    relay_requests_per_worker: int = setting(
        16, "most requests at once that one worker sends to others through us", low=0, high=65_536
    )
    relay_ticket_life: float = setting(
        10.0, "time that a worker gets to open a connection that it was asked for", unit="seconds", low=0.1, high=60
    )
    worker_stale: float = setting(90.0, "silence after which a worker gets no requests", unit="seconds", low=0.2)
    worker_forgotten: float = setting(300.0, "silence after which a worker is forgotten", unit="seconds", low=0.3)
    entry_point_stale: float = setting(
        120.0,
        "time after which an entry point that did not prove its address again is left out",
        unit="seconds",
        low=1,
    )
    probe_timeout: float = setting(2.0, "time limit of a look at an entry point", unit="seconds", low=0.05, high=60)
    credential_life: float = setting(7 * DAY, "life of a worker's credential", unit="seconds", low=60)
    key_rotation_settle: float = setting(
        180.0,
        "shortest time of a step of `mesh rotate-key`; what is in the DHT must end or be announced anew in it",
        unit="seconds",
        low=0,
    )
    certificate_life: float = setting(
        7 * DAY, "life of a certificate for the overlay", unit="seconds", low=40, high=90 * DAY
    )
    drain_deadline: float = setting(30.0, "longest wait for requests in flight", unit="seconds", low=0)
    default_key_rate: str = setting("120/min", "requests that an API key may make", metavar="RATE")
    key_use_pause: float = setting(
        60.0, "pause between notes in the store of when API keys were used last", unit="seconds", low=1
    )
    address_rate: str = setting("600/min", "requests that one address may make", metavar="RATE")
    require_approval: bool = setting(
        False, "let machines in only when the operator has approved each, beside its invite"
    )
    enrol_wrong_tries: int = setting(5, "wrong invites that one address may try in the window", low=1, high=1000)
    enrol_window: float = setting(900.0, "window in which wrong invites are counted", unit="seconds", low=1)
    admin_wrong_tries: int = setting(
        5, "wrong admin tokens that one address may show in the window", low=1, high=1000
    )
    admin_window: float = setting(900.0, "window in which wrong admin tokens are counted", unit="seconds", low=1)
    canary_pause: float = setting(
        300.0,
        "mean pause between known requests to each service of a worker, whose answers are looked at (0: never)",
        unit="seconds",
        low=0,
    )
    canary_timeout: float = setting(30.0, "time limit of a known request", unit="seconds", low=0.1, high=600)
    probation_window: float = setting(300.0, "window in which a worker's errors count", unit="seconds", low=1)
    probation_requests: int = setting(10, "requests in that window before errors put a worker on probation", low=1)
    probation_share: float = setting(
        0.5, "share of errors that puts a worker on probation, 0.01 to 1", low=0.01, high=1
    )
    probation_passes: int = setting(3, "known requests in a row that end a probation", low=1, high=100)
    probation_pause: float = setting(60.0, "pause between known requests in a probation", unit="seconds", low=0.01)
    suspicion_probations: int = setting(
        3, "probations in a week of which the last is for the operator to end", low=2
    )
    services_per_worker: int = setting(16, "most services that one worker is given", low=1, high=64)
    connect_timeout: float = setting(2.0, "time limit of connecting to a worker", unit="seconds", low=0.05)
    first_byte_timeout: float = setting(30.0, "time limit until an answer begins", unit="seconds", low=0.1)
    idle_timeout: float = setting(60.0, "time limit between two parts of an answer", unit="seconds", low=0.1)
    request_timeout: float = setting(120.0, "time limit of a whole request", unit="seconds", low=0.1)
    retry_attempts: int = setting(3, "most workers that are tried for a request", low=1, high=10)
    retry_base_ms: int = setting(50, "base of the pause before another try", unit="milliseconds", low=0)
    hedge_after: float = setting(
        0.0,
        "time without an answer after which a second worker is asked too, if a request may be repeated (0: never)",
        unit="seconds",
        low=0,
    )
    sharing_timeout: float = setting(
        1.0,
        "time limit of the first process's word on a request's key or rate, where --workers is 2 or more",
        unit="seconds",
        low=0.1,
        high=60,
    )
    dht_rpc_timeout: float = setting(1.0, "time limit of a DHT message", unit="seconds", low=0.05)
    dht_entry_ttl: float = setting(180.0, "life of a DHT entry", unit="seconds", low=1)
    dht_republish: float = setting(60.0, "pause between announcements in the DHT", unit="seconds", low=0.2)

    def __post_init__(self) -> None:
        """Refuse settings that contradict one another."""
        if bool(self.tls_cert) != bool(self.tls_key):
            name = "tls_key" if self.tls_cert else "tls_cert"
            _refuse(name, "", "a file, because the other one of --tls-cert and --tls-key is given")
        for name in ("default_key_rate", "address_rate"):
            try:
                parse_rate(getattr(self, name))
            except RateError:
                allowed = "a rate like 5/s, 120/min, 1000/hour or 10000/day"
                _refuse(name, getattr(self, name), allowed)
        if self.worker_stale <= self.worker_heartbeat:
            _refuse("worker_stale", self.worker_stale, f"more than worker_heartbeat ({self.worker_heartbeat:g})")
        if self.worker_forgotten <= self.worker_stale:
            _refuse("worker_forgotten", self.worker_forgotten, f"more than worker_stale ({self.worker_stale:g})")
        self._check_addresses()
        self._check_kv()
        self._check_store()
        if self.anonymous and not self.force_anonymous and not is_loopback(self.host):
            _refuse("anonymous", True, "false while --host is not this machine alone (or --force-anonymous)")

    def _check_addresses(self) -> None:
        try:
            parse_network(self.vpn_network)
        except ValueError:
            _refuse("vpn_network", self.vpn_network, "a private IPv4 network from /8 to /28, as 10.42.0.0/16")
        for endpoint in self.vpn_endpoints:
            if not _is_endpoint(endpoint):
                _refuse("vpn_endpoints", endpoint, "a name or an IPv4 address, with :PORT or without")
        for origin in self.cors_origins:
            if not _is_origin(origin):
                like = "an origin as browsers send it, like https://rma.example.org or http://localhost:3000"
                _refuse("cors_origins", origin, f"{like}, in small letters, without path or usual port; or *")

    def _check_store(self) -> None:
        if self.store != SQLITE:
            try:
                parse_address(self.store)
            except ValueError:
                _refuse("store", self.store, ALLOWED)
        if bool(self.store_cert) != bool(self.store_key):
            name = "store_key" if self.store_cert else "store_cert"
            _refuse(name, "", "a file, because the other one of --store-cert and --store-key is given")
        if self.store_cert and not self.store_ca:
            _refuse("store_ca", "", "a file, because --store-cert is for TLS")
        if self.store_password and self.store_password_file:
            _refuse("store_password_file", self.store_password_file, "empty, because the password itself is given")
        if self.key_passphrase and self.key_passphrase_file:
            allowed = "empty, because the passphrase itself is given"
            _refuse("key_passphrase_file", self.key_passphrase_file, allowed)
        if bool(self.store_user) != bool(self.store_password or self.store_password_file):
            name = "store_password_file" if self.store_user else "store_user"
            _refuse(name, "", "given, for a user of etcd has a name and a password")

    def _check_kv(self) -> None:
        given = {name: getattr(self, name) for name in ("cf_account_id", "cf_kv_namespace_id", "cf_api_token")}
        if not any(given.values()):
            return
        for name, value in given.items():
            where = f"environment {name.upper()}"
            if name == "cf_api_token":
                if not CF_TOKEN.fullmatch(value):  # and is never shown
                    shown = "(not shown)" if value else ""
                    raise SettingError(
                        name, shown, "a token of Cloudflare's API, as the other two are given", where
                    )
            elif not CF_ID.fullmatch(value):
                raise SettingError(name, value, "32 hexadecimal digits, which Cloudflare's dashboard shows", where)
        if not KV_KEY.fullmatch(self.cf_kv_key):
            raise SettingError("cf_kv_key", self.cf_kv_key, "1 to 100 letters, digits and .:_-", "RMA_CF_KV_KEY")

    @property
    def open_to_all(self) -> bool:
        """True when `/service` needs no API key."""
        return self.anonymous or self.force_anonymous

    @property
    def directory(self) -> Path:
        return Path(self.data_dir or default_data_dir()).expanduser()


def _is_endpoint(text: str) -> bool:
    host, colon, port = text.partition(":")
    if colon and not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        return False
    return ENDPOINT_HOST.fullmatch(host) is not None


def _is_origin(text: str) -> bool:
    """Say whether a browser may send this as the origin of a page; `*` means every page."""
    if text == "*":
        return True
    found = ORIGIN.fullmatch(text)
    if found is None:
        return False
    scheme, port = text.partition(":")[0], found[2] or ":1"
    return 1 <= int(port[1:]) <= 65535 and (scheme, port) not in (("http", ":80"), ("https", ":443"))


def _refuse(name: str, value: object, allowed: str) -> NoReturn:
    """Refuse a setting because of another one; it may come from anywhere, so the flag stands for it."""
    raise SettingError(name, value, allowed, "--" + name.replace("_", "-")) from None


def is_wildcard(host: str) -> bool:
    """Say whether a host means every address of this machine."""
    return host in ("0.0.0.0", "::", "")  # noqa: S104 - only compared


def is_loopback(host: str) -> bool:
    """Say whether this is an address or name that only this machine can reach."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
