"""Everything that crosses a network: messages, credentials, tokens, invites, manifests and problems.

Bytes from anyone become a typed value here or are refused here. `messages` has what coordinator and worker
say to one another, `credentials` and `tokens` how they prove who they are, `invites` how a machine gets in,
`manifests` what a service is, `problems` how a refusal reads, `headers` the names on the data plane.
No I/O in this room.
"""
