"""What every program of ours shares: settings, logs, data directory, owned tasks, its life and its HTTP manners.

`settings` reads one frozen dataclass out of file, environment and flags; `errors` is the exception that a
person will read; `data_dir` keeps one program to a directory and writes files whole; `tasks` owns background
tasks; `lifetime` runs a program until a signal, and `garbage` keeps its memory in order; `web` is how our aiohttp
servers parse, refuse and listen, and `accepting` how any server stops to.
`loopback` says what is this machine, `proxies` leads calls through what the system names, and `answers` reads what
others send with a limit; `plain_text` takes out of it what a terminal would obey. `download` fetches a pinned
program, `child_process` watches one that runs, and `orphans` ends those of a run that was killed.
"""
