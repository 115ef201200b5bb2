"""Services of this machine: which exist, which should run, and the processes that do.

`reconcile` decides, as pure functions, what to start
and stop and how long to wait after a failure; `supervisor` applies that and reports; `lifecycle` is the life of one
service from spawn to restart; `process` is one child process with its output, wherever the loop cannot spawn;
`service_log` caps what a service prints. `builtin/` holds the services that ship with us, each its own program.
"""
