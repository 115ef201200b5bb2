"""What `bench/mesh.py` is made of.

`lab` builds machines, networks and programs; `service` answers and `load` asks, inside of them; `node_program` is a
node whose service is that light one; `joining` and `carrying` measure; `results` makes medians and tables of it.
"""
