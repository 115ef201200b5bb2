"""The coordinator's HTTP handlers: parse, call, reply.

`shapes` are the documents of the public and the admin API. `public` answers frontends, monitors and browsers,
`admin` the operator, `worker` enrolled machines, which `worker_auth` recognises; `addresses` tells where a request
came from. `topology` keeps a picture of the mesh that everybody may see (`drawing` draws its parts, `tally` sums
up), `stream` sends it on as it changes, `doctor` looks at everything once, `openapi` describes all routes, `heads`
completes every answer's head.
"""
