"""What `bench/gateway.py` and `bench/streams.py` share.

`processes` starts programs on cores of their own and ends them; `core_proxy` is our data plane as a program. For
the first, `nginx` configures nginx as proxy and as workers, `load` makes requests with wrk, and `earlier_design` is
what came before ours. For the second, `stream_worker` answers, `stream_clients` are clients by the thousand, and
`streams` measures.
"""
