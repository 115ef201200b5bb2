"""The node: one asyncio program that makes a volunteer's PC a worker of the mesh.

Direction of data: network and timers -> events -> `machine` (pure) -> `state` -> views; commands go from the
machine to `runtime`, which executes them.

    cli, config        arguments and settings            control, doctor   the local control API and its advice
    state, events,     what is, what happened and        http_api          what other machines may ask of us
    machine, reasons   what follows, in words            mesh_session      what exists only while enrolled
    runtime, contact   executes, owns the tasks          coordinator_client, kept_files
    overlay, renewal   our place in the overlay          overlay_door        the listener at its address
    resting, snoozes   between work and rest             control_rules       rules and pauses over the control API

Rooms: `wire` (what crosses a network), `program` (what every program shares), `identity`, `hardware`, `dht`,
`routing` (who serves), `forwarding` (how bytes move), `services` (what runs here), `vpn` (Nebula, and
who may run it), `rules` (when this machine rests).
"""

__version__ = "0.1.0"
