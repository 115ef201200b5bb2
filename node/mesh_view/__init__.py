"""The mesh as this node sees it now, for the volunteer's own screen.

`values` is what is shown and how it travels; `told` is what a coordinator says in its topology, `asking` listens to
it; `traffic` counts our own requests to each worker; `drawing` makes one picture of all that, `changes` finds what
is different between two, and `feed` serves both, only while somebody looks. Nothing is in it that the coordinator
does not tell everybody, but how this node itself reaches others.
"""
