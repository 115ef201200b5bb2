"""Entry points: workers that take frontends' requests at an address of their own.

`prober.py` asks at an address, where it is one of the internet at all, `table.py` holds who has proved which one,
`office.py` decides. `kv_sync.py` copies the list to Cloudflare KV where that is set, through `cloudflare_kv.py`, as
often as `budget.py` allows.
"""
