"""The coordinator's data plane for frontends: who may come in, how often, and on to a worker.

`routes` takes every `/service/...` request; `access` decides from key, service and address whether it may pass,
with `keys`, which makes, keeps and revokes API keys, `rates`, the pure token buckets, and `cors`, the allow-list
for browsers. `plane` makes the router of `node.routing` over the registry, which then carries the request.
"""
