"""Tells workers at once what the answer to their next heartbeat would say: revocations, assignments, drains.

`answer.py` makes what a worker is told, for heartbeats and pushes alike. `line.py` is one worker's WebSocket, and
`channels.py` holds all of them, looks for whom something has changed, and pushes. `beats.py` takes heartbeats in,
those that come on channels and those on HTTP. Nothing is decided here: a worker without a channel hears the same
with its next heartbeat.
"""
