"""A bundle that helps others to help: what is so on this computer, without what is secret or says who somebody is.

`redaction` takes secrets out (pure), `shapes` says what they look like, `sources` asks a node and reads its files,
`bundle` puts it together within bounds. It works with a node that does not run.
"""
