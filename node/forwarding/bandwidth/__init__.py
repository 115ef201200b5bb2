"""Measures out what connections to other machines carry, in both directions, for all of them together.

`bucket` counts, purely; `gate` lets those in who wait for their turn, one after the other; `shaped` stands between
a connection's transport and its protocol while there is a limit, and `meter` puts it there. Without a limit nothing
stands there, so a request costs nothing more then.
"""
