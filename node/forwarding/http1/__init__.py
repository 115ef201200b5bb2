"""A reverse proxy for HTTP/1.1, built for speed: how bytes move, and nothing about workers, services or keys.

    server = Http1Server(handler, sockets, sweep=sweep, app=AppBridge(application))   server.py, app_bridge.py
    class Handler:  begin(exchange), finished(exchange)                               interface.py
    exchange.forward(pool, head, attempt, patience) | answer(...) | to_app()          exchange.py
    class Attempt:  answered(exchange, head) -> relay | peek | discard;  failed(exchange, trouble)
    upstreams.pool(Address(host, port))                                               pool.py

`head` reads heads into values and builds them anew; `chunks` does so with bodies in chunks. `client` and `upstream`
are the protocols at the two ends, `exchange` is one request between them, `pool` keeps connections to workers, and
`sweep` holds all of them to their time limits with one timer (`limits` has the limits, `keepalive` has the kernel
find peers that vanished). `outbox` sends what a turn of the loop has for workers at the turn's end; `rival` is a
second try beside the first; `listeners` leaves a port without turning anybody away; `dates` has the Date line.
`leftover` finds the end of a body whose answer is over, and `kernel` asks what the loop does not tell. `passing` is
the pool for coordinators that pass requests on: it finds out that one hangs.
`app_bridge` makes an aiohttp application one more upstream, so that what the handler does not want is answered on
the same connection.

What makes it fast. On the way of a request there is no task and no future: callbacks run from the bytes of the
client to the write to the worker, and back. A head is taken apart by two regular expressions whose work is done in
C, and not at all when a connection's next head is the same to the byte, as those of programs are. Head and first
piece of a body leave in one write; counted bodies pass without a copy. A deadline is an attribute, not a timer.

What makes it safe. The grammar of a head is an allow-list in one pattern (bare LF, folding, blanks before a colon,
controls and odd versions match nothing), so that what passes has one reading. The tokenizer is not llhttp
(httptools): that package cannot stop behind a message, cannot be told that an answer to HEAD has no body, copies
every piece of a body and drops the raw head. The tests use it as the second opinion: whatever we accept, llhttp in
strict mode accepts and reads in the same way. All that is held is bounded: heads and early requests by size, bodies
by back-pressure in both directions, what is kept for another try by 256 KiB, connections by number.
"""
