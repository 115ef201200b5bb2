"""The volunteer's rules: when this machine rests, and how much of it may be used.

`settings` is what the volunteer wants, `sensed` what the computer's sensors told at one moment, `verdict` what
follows: whether everything rests, or what uses the GPU, or nothing, and why. `decide` is the pure function between
them, `schedule` its reading of the hours, `texts` its sentences. `kept` holds the settings on disk; `keeper` reads
the sensors every few seconds and tells the node's machine.
"""
