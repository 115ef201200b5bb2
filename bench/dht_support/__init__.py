"""What `bench/dht.py` is made of.

`program` reads the command line. On real sockets, `plan` says who joins, publishes, dies and looks up what, `mesh`
and `stock` carry the plan out with our nodes and with the plain package, and `results` are the figures. In virtual
time, `simulate` runs one `simulation` after another and draws `plots`; a simulation happens in a `world`, with a
`population` that has been there for long and with `liars`, on the loop of `virtual_time`.
"""
