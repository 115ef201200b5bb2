"""The tray app: a thin Qt view of one node, which it talks to only through the node's control API.

`main` reads the arguments and runs the loop, `compose` wires everything once. `embedded_node` (with
`child_process`) starts, supervises and stops the node's own process; `control_client` follows its stream;
`node_model` turns that into one immutable `picture.Picture` and sends intents back. `tray`, `main_window`,
`panels/` and `widgets/` are drawn from the picture, in the words of `wording` and `figures` and the looks of
`appearance` and `icons`. `single_instance` hands a second start over to the first; `quitting` ends it all.
"""
