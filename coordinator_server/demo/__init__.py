"""A whole mesh on one machine, as `make run` shows it: real programs, real requests, nothing left behind.

`__main__` tells the story, `processes` starts and ends the programs, `requests` are what is sent through the
gateway. Nothing is imported from the node or the app: they are started as users start them.
"""
