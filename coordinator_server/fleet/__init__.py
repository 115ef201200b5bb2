"""The coordinators of one mesh that share a store: each says there that it lives, and finds the others.

`presence` says, purely, who of them is heard of; `fleet` writes and reads what they say; `joining` has one
take part. `far` finds workers that are not registered here, as `asking` the others and the DHT tell, so that
requests reach them through whichever coordinator they are connected to.
"""
