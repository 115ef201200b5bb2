"""A public address for a node behind a router, through Cloudflare's network and its program cloudflared.

`wish` says which kind of tunnel the settings ask for. `binary` finds the program or fetches the pinned one of
`platforms`; `arguments` is how it is started, `connector` one run of it, `lines` what it says (pure), `metrics`
what its own endpoint says, and `leads_here` whether an address leads to us. `api` speaks with Cloudflare, `managed`
has it make, keep and delete a tunnel. `pauses` says when it is tried again (pure), `sentences` how it all is told
(pure), and `keeper` does the whole.
"""
