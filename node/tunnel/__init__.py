"""The node's own connections to its coordinator, which stay open: so far the channel on which it is told at once.

`channel.py` keeps it open, `reconnect.py` decides when to come back. What is pushed is handled as a heartbeat's
answer is; heartbeats go on whether there is a channel or not.
"""
