"""The overlay network: Nebula, kept as the mesh wants it, with a state that a person understands.

    settings ─▶ Vpn (manager) ─ events ─▶ machine.handle ─ commands ─▶ engine ─▶ nebula
                   ▲                                                      │
                   └──────────────── log_lines ◀──────────────────────────┘

`settings` holds and checks what is wanted; `configuration` writes Nebula's file out of it, for the versions that we
know. `machine` decides, `state` says it in words, `shown` shows it, `events` are what goes in and comes out.
`manager` carries out. `computer` looks at this machine (rights, overlapping networks, `binary`), `ways` chooses who
may run Nebula, and an `engine` does: as our own child (`run`, `private_files`), or through the privileged `helper`.
`health` asks over the overlay, `names` looks lighthouses up, `orphans` ends what an earlier run left behind,
`download` fetches a pinned Nebula for installers.

Order at the start: the overlay, then services and DHT bind to its address (OverlayUp), then they are published.
"""
