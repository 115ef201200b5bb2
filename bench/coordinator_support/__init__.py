"""What `bench/coordinator.py` is made of.

`identities` puts enrolled machines into a store before a coordinator opens it; `crowd` is the program in which all
of them live, with what each says (`speech`), the connections on which it says it (`connections`), and what is seen
by it (`seen`); `site` starts coordinators and that program; `failover` kills the one in use; `results` makes tables
and the plot.
"""
