"""The node's settings, each with its unit and meaning; names, defaults and timings are those of SPEC §4 and §8."""

from __future__ import annotations

import dataclasses
import platform
import re
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import platformdirs

from node.program.settings import SettingError, setting
from node.tunnel.cloudflared.wish import HOSTNAME, Wish, wish_of
from node.wire.invites import InviteError, parse_coordinator_url
from node.wire.messages import Url


def default_data_dir() -> str:
    """Return the user's data directory for the node, which the tray app shares."""
    return platformdirs.user_data_dir("rma-mesh", appauthor=False)


ACCOUNT_ID = re.compile(r"[0-9a-f]{32}")
WORKER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """Everything that may be set for a node."""

    coordinator: tuple[str, ...] = setting(
        (), "URL of a coordinator; may be given several times", env=("COORDINATOR_URL",), metavar="URL"
    )
    invite: str = setting("", "invite code or link, used once when the node is not enrolled yet", metavar="CODE")
    data_dir: str = setting(
        "", f"where keys, membership and services' files are kept (default {default_data_dir()})", metavar="DIR"
    )
    name: str = setting(platform.node()[:64], "the machine's name that people see")
    host: str = setting("127.0.0.1", "address to listen on; 0.0.0.0 lets the local network reach this node")
    port: int = setting(8000, "TCP port for requests; 0 takes a free one", low=0, high=65535)
    dht_port: int = setting(8468, "UDP port of the DHT; 0 takes a free one", low=0, high=65535)
    vpn: str = setting(
        "auto", "the mesh's private network; auto opens it where this computer allows it", choices=("auto", "off")
    )
    tunnel: str = setting(
        "auto",
        "ways in beside the private network: relay is connections that this node opens to its coordinator, auto "
        "those and --tunnel-url, cloudflared those and a public address; off is none",
        choices=("auto", "relay", "cloudflared", "off"),
    )
    tunnel_url: str = setting("", "public URL of your own tunnel to this node", env=("TUNNEL_URL",), metavar="URL")
    use_tunnel: bool | None = setting(
        None, "older name: true is --tunnel cloudflared, false --tunnel off", env=("USE_TUNNEL",), flag=False
    )
    tunnel_token: str = setting(
        "", "token of a tunnel made in Cloudflare's dashboard", env=("TUNNEL_TOKEN",), flag=False, secret=True
    )
    tunnel_hostname: str = setting(
        "", "name in your domain for a tunnel made by the node", env=("TUNNEL_HOSTNAME",), metavar="NAME"
    )
    cloudflare_api_token: str = setting(
        "", "token with which the node makes a tunnel", env=("CLOUDFLARE_API_TOKEN",), flag=False, secret=True
    )
    cloudflare_account_id: str = setting(
        "", "account in which the node makes a tunnel", env=("CLOUDFLARE_ACCOUNT_ID",), flag=False
    )
    cloudflare_api: str = setting("https://api.cloudflare.com/client/v4", "Cloudflare's API", flag=False)
    cloudflared: str = setting("", "the program cloudflared, if it is not found by itself", metavar="FILE")
    cloudflared_fetch: bool = setting(True, "fetch cloudflared, by its known checksum, where there is none")
    worker_type: Literal["auto", "gpu", "edge", "storage", "cpu"] = setting(
        "auto", "kind of worker", choices=("auto", "gpu", "edge", "storage", "cpu"), env=("WORKER_TYPE",)
    )
    worker_id: str = setting("", "wished id of this worker", env=("WORKER_ID",), metavar="ID")
    allow: tuple[str, ...] = setting(
        (),
        "service that this machine may run; may be given several times; none means all",
        metavar="SERVICE",
    )
    sensors: bool = setting(True, "look at battery, network, users, programs and GPUs, for the volunteer's rules")
    service_nice: int = setting(
        19, "niceness of services, which give way to other programs (0: they do not)", low=0, high=19
    )
    keyring: bool = setting(True, "keep the identity key in the system's keyring where there is one")
    log_format: str = setting("text", "form of the log", choices=("text", "json"))
    log_level: str = setting("info", "how much is logged", choices=("debug", "info", "warning", "error"))
    access_log: str = setting(
        "off",
        "a line of JSON for each request: a FILE, - for the program's log, or off, for what others ask is "
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

    worker_heartbeat: float = setting(30.0, "longest time between heartbeats", unit="seconds", low=0.1, high=3600)
    channel_ping: float = setting(
        20.0,
        "pause between pings to the coordinator, which is left when half of it passes without an answer",
        unit="seconds",
        low=0.1,
        high=3600,
    )
    relay_connections: int = setting(
        64,
        "most connections that this node opens to a coordinator to be asked on them; see --tunnel",
        low=0,
        high=1024,
    )
    finger_cache_ttl: float = setting(60.0, "how long found workers are remembered", unit="seconds", low=0)
    finger_cache_stale: float = setting(
        30.0, "how long after that they still serve while they are looked up again", unit="seconds", low=0
    )
    probe_timeout: float = setting(2.0, "time limit of a health probe", unit="seconds", low=0.05)
    register_timeout: float = setting(5.0, "time limit of a call to the coordinator", unit="seconds", low=0.1)
    connect_timeout: float = setting(2.0, "time limit of connecting to a worker", unit="seconds", low=0.05)
    first_byte_timeout: float = setting(
        30.0, "time limit until an answer begins, unless the service sets its own", unit="seconds", low=0.1
    )
    idle_timeout: float = setting(60.0, "time limit between two parts of an answer", unit="seconds", low=0.1)
    request_timeout: float = setting(
        120.0, "time limit of a whole request, unless the service sets its own", unit="seconds", low=0.1
    )
    retry_attempts: int = setting(3, "most workers that are tried for a request", low=1, high=10)
    retry_base_ms: int = setting(50, "base of the pause before another try", unit="milliseconds", low=0)
    hedge_after: float = setting(
        0.0,
        "time without an answer after which a second worker is asked too, if a request may be repeated (0: never)",
        unit="seconds",
        low=0,
    )
    dht_rpc_timeout: float = setting(1.0, "time limit of a DHT message", unit="seconds", low=0.05)
    dht_entry_ttl: float = setting(180.0, "life of a DHT entry", unit="seconds", low=1)
    dht_republish: float = setting(60.0, "pause between announcements in the DHT", unit="seconds", low=0.2)
    watts_per_core: float = setting(
        8.0, "what a busy core of the processor takes, for the estimate of energy", unit="watts", low=0, high=1000
    )
    watts_per_gpu: float = setting(
        150.0, "what a busy GPU takes that does not tell it itself", unit="watts", low=0, high=2000
    )
    drain_deadline: float = setting(30.0, "longest wait for requests in flight", unit="seconds", low=0)
    hardware_interval: float = setting(60.0, "pause between two looks at the hardware", unit="seconds", low=1)

    @property
    def relay_offered(self) -> int:
        """How many relay connections we open when a coordinator asks: it may, whatever better way there is."""
        return self.relay_connections if self.may_be_reached else 0

    @property
    def may_be_reached(self) -> bool:
        """Whether others may come in by other ways than the private network and this one."""
        return self.use_tunnel is not False and self.tunnel != "off"

    def __post_init__(self) -> None:
        """Refuse what no coordinator would take, before anybody waits for its answer."""
        if self.worker_id and not WORKER_ID.fullmatch(self.worker_id):
            allowed = "1 to 64 letters, digits, dots, dashes and underscores"
            raise SettingError("worker_id", self.worker_id, allowed, "--worker-id")
        for url in self.coordinator:
            try:
                parse_coordinator_url(url)
            except InviteError:
                allowed = "a URL like https://mesh.example.org"
                raise SettingError("coordinator", url, allowed, "--coordinator") from None
        self._check_tunnel()

    def _check_tunnel(self) -> None:
        if self.tunnel_url and not _is_address(self.tunnel_url):
            allowed = "an address like https://worker.example.org, without a path"
            raise SettingError("tunnel_url", self.tunnel_url, allowed, "--tunnel-url")
        if self.tunnel_hostname and not HOSTNAME.fullmatch(self.tunnel_hostname.lower()):
            allowed = "a name like worker.example.org"
            raise SettingError("tunnel_hostname", self.tunnel_hostname, allowed, "--tunnel-hostname")
        managed, account = self.tunnel_wish.kind == "managed", self.cloudflare_account_id
        if managed and not ACCOUNT_ID.fullmatch(account):  # else it may be meant for another program
            allowed = "32 hexadecimal digits, which Cloudflare's dashboard shows for the account"
            raise SettingError("cloudflare_account_id", account, allowed, "environment CLOUDFLARE_ACCOUNT_ID")

    @property
    def tunnel_wish(self) -> Wish:
        """Which public address is asked for."""
        return wish_of(
            tunnel=self.tunnel,
            use_tunnel=self.use_tunnel,
            url=self.tunnel_url,
            token=self.tunnel_token,
            api_token=self.cloudflare_api_token,
            account_id=self.cloudflare_account_id,
            hostname=self.tunnel_hostname,
        )


def _is_address(url: str) -> bool:
    """Tell whether others will take an address: a scheme, a host and maybe a port, and no more."""
    try:
        parts = urlsplit(msgspec.convert(url, Url))
        _ = parts.port
    except ValueError:  # as msgspec's are
        return False
    more = parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not more
