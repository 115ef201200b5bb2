"""Lets machines into the mesh and puts them out of it.

`invites` are counted and expire; `lockout` stops guessing (pure); `enrol` turns a valid invite into a worker, once;
`workers` are the enrolments with trust, drain and revocation, whose `roll` is in memory (pure); `bans` are of those
that cannot be read (pure);
`blocklist` is what every node must refuse (pure), and `kept_blocklist` has it in the store;
`credentials` are what the mesh key signs about a worker.

The overlay network: `overlay` decides who gets which certificate; `leases` are what a member was given (pure);
`addresses` gives each an address of its own; `lighthouses` are the coordinators in it; `certificates` keeps the
`authorities` that sign, whose keys `sealing` protects in the store.
"""
