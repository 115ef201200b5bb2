"""What this machine has and how busy it is.

`detect` puts the whole picture together, in a thread because asking the system blocks; its parts are `cpu`,
`disks`, `addresses`, `battery` and `gpus`. Graphics drivers crash and hang, so `gpus` asks them in a short-lived
process, `nvml_probe`. `linux_limits` reads what a container leaves of the machine. `classify` decides, as a pure
function, what kind of worker this makes; `load` says how busy we are; `texts` makes what a driver or kernel says
fit to send.

`sensing` is a room of its own: what changes all the time, and what the volunteer's rules go by.
"""
