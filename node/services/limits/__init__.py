"""How much all services together may use, as the volunteer's caps say: planned purely, kept by the system.

`plan` turns caps and what this machine is able to do into limits for each service and into sentences that say what
is kept how. An `Enforcer` (`enforcer`) keeps them: `linux` by priority and cores, with control groups where they
are ours to make (`cgroup`) or systemd makes them for us (`systemd`); `windows` by a job object; `macos` by what
there is. What no system keeps is watched: `usage` measures memory, `gpu_usage` that of GPUs, `disk` folders and the
room that is left, `verdicts` decides purely who has to go, and `keeper` does all that while a node runs.
"""
