"""This coordinator's own place in the overlay: a lighthouse and a relay, where this machine lets us open a network.

`endpoints` says where members find us outside. `station` joins, renews, rotates and blocks, and keeps Nebula so
(node.vpn.manager does that); `doors` opens what members reach at our overlay address, and shuts it again: the API
and the gateway (TCP 8000, as every member's), and the DHT. `revocation` is all that happens at once when a worker
is put out; `assembly` makes the parts. Everything works without: then it is said what is missing.
"""
