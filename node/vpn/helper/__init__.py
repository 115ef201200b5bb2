"""The privileged helper: a small program that runs Nebula for programs without rights, and does nothing else.

A client says what is wanted in a narrow schema (`messages`), and gets back what Nebula tells. `policy` decides what
is granted; `session` serves one client; `server` is the Unix socket that lets in members of one group, for Linux
and macOS (`helper_macos`); `helper_windows` has what a Windows service needs. `client` is the node's side of it.
"""
