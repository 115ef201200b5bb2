"""What this machine gives, and how it does: for the volunteer's own screen and for nobody else.

`values` is what is told and how it travels. `ledger` (pure) adds up what was given, day by day, `kept` has it in a
file and `keeper` does the counting: requests as they end, processor time from the services' own processes
(`processes`), time on GPUs from the driver (`gpus`) or else the time with requests in flight, and an estimate of
the energy (`energy`).
`gauges` reads processor, memory, disk and network; `feed` serves all of it every second, but measures only while
somebody looks.
"""
