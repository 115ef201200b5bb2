"""The privileged helper: a small program that runs Nebula for programs without rights, and does nothing else.

A client says what is wanted in a narrow schema (`messages`), and gets back what Nebula tells. `policy` decides what
is granted; `session` serves one client, with what `workshop` has; `reception` lets one in at a time. `client` is
the node's side of it, and `connecting` knows where the helper is on each system.

On Linux and macOS clients come by a Unix socket (`server`, started by `unix_main`), on Windows by a named pipe
(`pipe_server`, started by `windows_main`): `pipe_transport` makes streams of what blocks, `windows_pipe` and
`windows_manager` are the calls of Windows, `service` is the life of the service there. What installers and clients
have to know of a system is in `node.vpn.helper_windows` and `node.vpn.helper_macos`.
"""
