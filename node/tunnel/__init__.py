"""The node's own connections to coordinators, which stay open, and its public address.

`channel` keeps the one on which this machine is told at once what has changed for it: what is pushed is handled as
a heartbeat's answer is. Heartbeats go by it, too (`beats`), and go on whether there is a channel or not.
`second_channel` keeps one to another coordinator, `line` is what both are made of, and `reconnect` decides when to
come back (pure). `relay` opens the connections that are asked for on them. `cloudflared` makes a public address,
`own_address` watches one that somebody else serves, and `outside` finds out whether an address leads to this very
node.
"""
