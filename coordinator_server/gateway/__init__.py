"""The coordinator's data plane for frontends: who may come in, how often, and on to a worker.

`rates` is the pure token bucket; `access` decides from key, service and address whether a request may pass;
`keys` makes, keeps and revokes API keys; `cors` is the allow-list for browsers; `routes` takes every
`/service/...` request through these and hands it to the router of `node.routing`.
"""
