"""Who is here now, where they can be reached, and who runs what.

`membership` says how a worker's heartbeats, pauses and failures count, `endpoints` which addresses a worker may
claim, `assignment` who is given which service and why: all three pure. `registry` is the one place that holds the
live workers and offers candidates to the gateway's router, `planning` says what each of them shall run.
"""
