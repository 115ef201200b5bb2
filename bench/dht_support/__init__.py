"""What `bench/dht.py` is made of.

`program` reads the command line. `plan` says who joins, publishes, dies and looks up what; `mesh` and `stock` carry
the plan out with our nodes and with the plain package, on real sockets; `results` are the figures.
"""
