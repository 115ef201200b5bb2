"""What `bench/desktop.py` measures the tray app with, on an X display of its own.

`measure` runs the programs: the app itself, the app beside a `Watcher` (`watched`), a bare window to compare with
(`bare_window`), a bare server (`bare_server`), a node with far too much to tell (`busy_node`). `processes` reads
what they cost from the system, `results` has the values and prints them. `mesh_frames` measures the map alone.
"""
