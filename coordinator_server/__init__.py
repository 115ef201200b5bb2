"""The coordinator: one headless server that lets workers in, knows which live, says what each runs, and routes to them.

`cli` and `config` are the command line and its settings, `application` puts the parts together and serves.
`keys` makes and keeps the mesh key; `store` keeps what must not be lost; `enrolment` lets machines in and puts
them out; `registry` knows who is here and decides who runs what (pure); `api` has the HTTP handlers: parse,
call, reply; `gateway` takes the requests of frontends to workers.
"""
