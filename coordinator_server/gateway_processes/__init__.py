"""Several processes on one port: the first is the whole coordinator, the others carry requests to workers.

The first binds one listening socket for each process (SO_REUSEPORT: the kernel shares connections out), and keeps
them open for as long as it lives: whoever waits on the socket of a process that died is served by its successor. A
gateway process has its socket, and one end of a socket pair, the `channel`, over which both say `messages`.

What is shared, and how. `offers`: the first tells who may be asked, with the tokens that prove us to them, as a
snapshot and then changes. `leases`: the token buckets are the first's; tokens are asked for, or leased for a moment
(`tokens` waits for them). `first` asks for API keys and keeps refusals in the audit log. `reports`: what was
counted goes to the first four times a second. `to_first` and `from_gateways` pass on what is not below /service,
with the client's true address. `gateway` is the door of such a process, and `process` its life. On the first's side
`desk` answers one process, `publisher` tells all of them, and `supervisor` starts, replaces and ends them;
`sockets` binds.

What is not shared: connections to workers, breakers and queues; limits on connections count for each process.
"""
