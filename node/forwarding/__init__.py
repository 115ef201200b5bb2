"""How bytes move between a client and a worker; nothing outside this room knows it.

    class Forwarder(Protocol):                                          interface.py
        async def attempt(self, callee: Callee, exchange: Exchange, limits: Limits) -> Upstream
            raises ConnectFailed (certainly not executed), UpstreamReset, UpstreamTimeout, Problem (client's fault)
        async def stop(self) -> None
    class Upstream(Protocol):                                           an answer that has begun
        status: int; headers: Mapping[str, str]
        async def problem(self) -> Mapping[str, Any] | None             the start of it as a problem document
        async def relay(self, added: Mapping[str, str]) -> web.StreamResponse
        def discard(self) -> None

`interface` has these and the values they speak of (Target, Callee, Exchange, Limits); `headers` builds both heads
anew, never copies them; `body` reads the client's body once and replays its first 256 KiB; `paths` splits
`/service/NAME/rest` without decoding it and refuses what could climb out; `exchange` makes an Exchange out of a
client's request; `aiohttp_forwarder` is the one implementation for now: `AiohttpForwarder(token_for)`;
`websocket` bridges WebSockets; `resolver` keeps names that workers claim from leading into somebody's network.
"""
