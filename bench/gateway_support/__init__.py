"""What `bench/gateway.py` and `bench/streams.py` share.

`processes` starts programs on cores of their own and ends them; `nginx` configures nginx as proxy and as workers;
`load` makes requests with wrk; `core_proxy` is our data plane as a program, `earlier_design` what came before it.
For `bench/streams.py`: `stream_worker` answers, `stream_client` opens thousands of connections, `streams` measures.
"""
