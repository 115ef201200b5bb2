"""Byte streams inside WebSockets (RFC 6455): connections that somebody else had to open, as through a firewall.

    transport, early = await open_websocket(session, url, headers)     opening.py, for who goes out
    transport, early = accept(exchange, answers)                       handshake.py, for who is come to
    stream = WebSocketStream(transport, client=...); stream.attach(protocol); stream.begin(early)

`frames` takes the framing apart and makes it, without I/O. `stream` is a transport to the protocol inside, and the
protocol of the connection below: no task and no queue is between them, so that back-pressure passes as it comes,
and what is held is one frame's header at most.
"""
