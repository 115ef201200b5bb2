"""The coordinator: one headless server that lets workers in, knows who lives, says who runs what, routes to them.

`cli` has the words of the command line, `commands` what they do, `admin_client` asks the running coordinator and
`tables` prints its answers; `config` has the settings, `backup` packs and restores. `application` names the parts
of a running coordinator, `serving` puts them together and serves, `listening` how connections are taken. `keys`
makes and keeps the mesh key, `audit` notes who did what; `store` keeps what must not be lost; `enrolment` lets
machines in and puts them out; `registry` knows who is here and decides who runs what (pure); `api` has the HTTP
handlers: parse, call, reply; `gateway` takes the requests of frontends to workers; `front` names what frontends,
browsers, monitors and operators see, `front_assembly` puts it together, and `metrics` is what Prometheus reads.
"""
