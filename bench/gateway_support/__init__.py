"""What `bench/gateway.py` and `bench/streams.py` share.

`processes` starts programs on cores of their own and ends them; `core_proxy` is our bare data plane as a program.

For the first, `nginx` configures nginx as proxy and as workers, `whole` is our gateway as it is run, to which
`workers` makes them known, and `earlier_design` is what came before ours; `load` makes requests with wrk, `results`
compares what came of them, and `cost` compares the gateway with itself.

For the second, `stream_worker` answers, `stream_clients` are clients by the thousand, and `streams` measures.
"""
