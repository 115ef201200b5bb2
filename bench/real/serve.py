import asyncio, sys, json, signal, tempfile, types, cProfile, os, time
from pathlib import Path
import aiohttp, uvloop
sys.path.insert(0, "/tmp/plane")
from tests.support.front import StandIn, Front
from coordinator_server.config import CoordinatorConfig
from coordinator_server.serving import read_catalogue, running
MAN='''
name = "bench"
title = "Bench"
default_path = "/200.bin"
replicas = 3
concurrency = 1024
data_class = "public"
max_body_bytes = 20000000
'''
async def main(port, ports):
    folder = Path(tempfile.mkdtemp(prefix="bench-c-"))
    (folder/"m").mkdir(); (folder/"m"/"bench.toml").write_text(MAN)
    config = CoordinatorConfig(port=port, dht_port=0, data_dir=str(folder), services_dir=(str(folder/"m"),), worker_stale=3600.0, worker_forgotten=7200.0, address_rate="900000000/s")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running(config, read_catalogue(config), None) as site, aiohttp.ClientSession() as session:
        front = Front(site, session)
        for n, p in enumerate(ports):
            invite = await front.ask("POST", "/api/admin/invites", {"trust": "vetted"}, 201)
            w = StandIn(front.url, session, ("bench",), load=0.1)
            w._server = types.SimpleNamespace(port=p)
            await w.enroll(invite["code"], f"w{n}"); await w.register(); await w.heartbeat()
        key = await front.ask("POST", "/api/admin/keys", {"name": "b", "rate": "900000000/s"}, 201)
        print(json.dumps({"url": front.url, "key": key["key"]}), flush=True)
        import gc
        if os.environ.get("FREEZE"): gc.collect(); gc.freeze(); gc.set_threshold(10000,20,50)
        prof = cProfile.Profile() if os.environ.get("PROF") else None
        if prof: prof.enable()
        await stop.wait()
        from coordinator_server.serving import drain
        a=time.time(); await drain(site); print("drained in %.2f" % (time.time()-a), file=sys.stderr)
        if prof:
            prof.disable()
            import pstats
            pstats.Stats(prof).sort_stats(os.environ["PROF"]).print_stats(45)
uvloop.run(main(int(sys.argv[1]), [int(p) for p in sys.argv[2:]]))
