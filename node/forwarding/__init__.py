"""How bytes move between a client and a worker; nothing outside this room knows it.

    class DataPlane(handler, app, listener, *, tls, limits): start, drain, stop, url, port              plane.py
    class Door(*prefixes): begin, finished, in_flight; enter(exchange) is the program's own                door.py
    class Forwarder(token_for): way(worker_id, target, service_token) -> Way; doubt(way, tell); stop  forwarder.py
    Way.pool, Way.head(outbound, lines)          exchange.forward(way.pool, head, attempt, patience)
    outbound_of(exchange, manifest, path, trusted) -> Outbound                raises Problem           outbound.py

`http1` is the proxy itself. Around it: `plane` serves a port with it, where an aiohttp application answers what
the handler leaves; `door` is what the handlers of our programs share; `members_only` keeps a handler for those who
come through the overlay; `paths` splits `/service/NAME/rest` without
decoding it and refuses what could climb out; `outbound` is what of a request goes to any worker, made once for a
head that recurs; `headers` says which fields pass and which are made anew; `forwarder` knows the connections, name
and proof for each address of each worker, and `knocker` finds out whether one is still there; `resolver` keeps
names that workers claim from leading into somebody's network, by the one rule of `public_addresses`; `cors` is
the allow-list for browsers; `by_proxy` goes to coordinators through the system's
HTTP proxy; `interface` has the address of a worker as routing
speaks of it; `access_log` writes a line for each request that has ended.
"""
