"""The coordinator's data plane for frontends: who may come in, how often, and on to a worker.

`routes` takes every `/service/...` request; `access` decides from key, service and address whether it may pass,
with `keys`, which makes, keeps and revokes API keys, and `rates`, the pure token buckets, of which `shared_rates`
has several coordinators keep one for each key, by `portions` (pure) of a row in the store; the allow-list for
browsers is in `node.forwarding.cors`. `readiness` says whether any may come in now. `plane` makes the router of
`node.routing` over the registry, which then carries the request.
"""
