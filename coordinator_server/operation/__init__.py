"""What an operator's server must have, and how it is told: checks at the start, what is so later, the status table.

`machine.py` looks at disk, files and memory, `secrecy.py` at who can read what is secret, `clocks.py` at clocks;
each returns a `Condition` in words. `starting.py` refuses to start where one is fatal; `conditions.py` keeps what
is so now, for `status`, `doctor` and the log. `overview.py` puts together what `status` shows, `screen.py` draws it
(pure), `watching.py` keeps it on a terminal. `readings.py` reads how everything is for the metrics;
`advice.py` says what is less than it could be in the settings.
"""
