"""Who serves a request: pure decisions, and one thin shell around them that nodes and gateways share.

    class Router(*, worker_id: str, catalogue: Callable[[], Catalogue], local: LocalServices | None,      router.py
                 sources: Sequence[CandidateSource], forwarder: Forwarder, settings: RoutingSettings = ...,
                 clock=time.monotonic, rng=random.Random(), observer: Callable[[Outcome], None] | None = None,
                 own_load: Callable[[], float] | None = None, vpn_up: Callable[[], bool] = lambda: False)
        async serve(request, service, path, *, forwarded: bool, caller: str, personal=False)  raises Problem
            `path` is raw and starts with "/" (see node.forwarding.paths.split_path), None means the default path;
            the query is taken from the request; `caller` is who queues fairly (key id, worker id or address)
        peers() -> tuple[Peer, ...]      stats() -> RoutingStats       queue_depths() -> dict[str, int]
        in_flight(services=()) -> int    local_load() -> float         (what runs on this machine now)
        update_load(worker_id, load)     invalidate_worker(worker_id)  forget(service)
        async stop()
    class CandidateSource(Protocol): name: Literal["dht", "registry"]; async find(service) -> Sequence[WorkerRecord]
    class LocalServices(Protocol):   target(service) -> LocalTarget | None                              sources.py
    class LocalTarget(Protocol):     base_url: str; service_token: str; manifest: Manifest

Local service -> cache -> sources in their order -> select -> forward. `candidates` turns a record into addresses,
`selection` picks, `cache` remembers (single flight), `breaker` leaves out who keeps failing, `retry` says whether
another worker may be tried, `admission` is the gate in front of a service, `stats` counts, `failures` says what a
failed try means, `sources` has the protocols and asks them, `targets` remembers addresses that do not answer,
`shared_call` is the single flight, `settings` what may be set, `dispatch` carries one request through all of this.
"""
