"""What the computer tells about its use: who sits at it, what feeds it, what its network costs, how hot it is.

`computer` puts the sensors of this operating system together as one `node.rules.sensed.Sensors`, and says when the
machine woke up. A sensor returns its value, or `Unknown` with a sentence (`told`); `look` asks each in a task of
its own, so that one that hangs keeps nobody waiting. Linux is asked on sockets that this process reads itself:
D-Bus (`bus`, `properties`), Wayland (`idle_wayland`), X11 (`idle_x11`; Xlib would end the program with the screen).

    idle_linux      the first of idle_wayland, idle_bus (Mutter, screen saver), idle_x11; and idle_logind for others
    idle_windows    idle_macos
    battery         psutil everywhere; battery_linux asks UPower first
    metered_linux   metered_windows
    programs        names of what runs
    gpu_watch       the NVML probe kept running; gpu_linux has AMD's temperatures and tells which cards sleep
    sleeping        clocks, and logind, tell that the machine slept
"""
