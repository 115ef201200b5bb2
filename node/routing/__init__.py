"""Who serves a request: pure decisions, and one thin shell around them that nodes and gateways share.

    class Router(*, worker_id: str, catalogue: Callable[[], Catalogue], local: LocalServices | None,      router.py
                 sources: Sequence[CandidateSource], forwarder: Forwarder, settings: RoutingSettings = ...,
                 clock=time.monotonic, rng=random.Random(), observer: Callable[[Outcome], None] | None = None,
                 own_load: Callable[[], float] | None = None, vpn_up: Callable[[], bool] = lambda: False,
                 wall=time.time, answers: Answers | None = None, witness: Witness | None = None, own_port: int = 0,
                 relay: RelayBases | None = None)
        take(exchange, service, path, *, forwarded: bool, caller: str, personal=False)   raises Problem
            `path` is raw and starts with "/" (see node.forwarding.paths.split_path), None means the default path;
            the query is taken from the request; `caller` is who queues fairly (key id, worker id or address)
        async explain(service, *, personal=False) -> Explanation                           raises Problem
        peers() -> tuple[Peer, ...]      stats() -> RoutingStats       queue_depths() -> dict[str, int]
        in_flight(services=()) -> int    local_load() -> float         (what runs on this machine now)
        invalidate_worker(worker_id)     appeared(services)            async stop()
    class CandidateSource(Protocol): name: Literal["dht", "registry"]; async find(service) -> Sequence[WorkerRecord]
    class LocalServices(Protocol):   target(service) -> LocalTarget | None                              sources.py
    class LocalTarget(Protocol):     base_url: str; service_token: str; manifest: Manifest

Local service -> cache -> sources in their order -> select -> forward.

Whom to ask: `candidates` turns a record into addresses, `loads` says which word on a load is the newest, `ranking`
keeps candidates in order of load, `selection` picks, `cache` remembers (single flight, by `shared_call`), `sources`
has the protocols and asks them, `breaker` leaves out who keeps failing, `outstanding` counts what we gave out,
`targets` remembers addresses that do not answer: they are knocked at, and no request waits for them.

Asking: `dispatch` carries one request through all of this, `choice` is whom it asks next, `attempt` one try at one
worker, `hedging` when to ask a second one beside it, `retry` says whether another may follow, `failures` what a
failed try means, `admission` is the gate in front of a service. `parts` is what all requests share, and who hears
of every try. `explain` says who would be picked and why, `stats` counts, `settings` is what may be set.
"""
