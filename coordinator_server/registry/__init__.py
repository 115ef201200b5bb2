"""Who is here now, where they can be reached, and who runs what.

`membership` says how a worker's heartbeats, pauses and failures count, `endpoints` which addresses a worker may
claim, `assignment` who is given which service and why: all three pure. `registry` is the one place that holds the
live workers and offers candidates to the gateway's router, `planning` says what each of them shall run.

Behind `assignment` are `machines` (who and where), `fitness` (who may), `board` (who holds what so far), `keeping`,
`filling`, `migration` and `handover` (what stays, what is given, what moves, and start before stop), `shortages`,
and `plans`, the values that a planning gives, with the history that the next one takes.
"""
