"""Entry points: workers that take frontends' requests at an address of their own.

`addresses.py` says where we may ask at all, `prober.py` asks there, `table.py` holds who has proved which address,
`office.py` decides. `kv_sync.py` copies the list to Cloudflare KV where that is set, through `cloudflare_kv.py`, as
often as `budget.py` allows.
"""
