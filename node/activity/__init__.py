"""What happened to this node, for people: kept for weeks, bounded, and nothing of what was asked of it.

`entries` are the values, `told` makes them from the machine's events (pure), `log` keeps them on disk.
"""
