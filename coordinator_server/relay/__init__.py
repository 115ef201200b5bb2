"""Reaches workers that nobody can connect to: they open WebSockets to us, and we are the client in them.

`hub.py` asks a worker for such connections on its channel and gives them to whoever wants to connect; `sizing.py`
decides how many are kept ready, `tickets.py` which of those that come were asked for. `connector.py` is how the
gateway connects: to relayed workers through the hub, to others as ever; `pipes.py` does so for gateway processes.
`calls.py` passes on what nodes send to one another this way, `refusals.py` keeps lines about who was not let in,
and `question.py` asks a worker one thing.
"""
