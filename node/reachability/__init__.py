"""How others reach this node, and we the mesh: what is announced, what keeps it from working, and that in words.

`announced.py` says where others may try. For `doctor`, `probes.py` looks at once at everything that can be seen
from here, `udp.py` by asking others (`observations.py` are the values), and the rest is pure: `failures.py` reads
what befell a call, `nat.py` what the mappings of others say of the router, `trouble.py` what is in the way to the
coordinator, and `routes.py` makes a finding of each route.
"""
