import asyncio, sys, json, tempfile, types, cProfile, os, time, pstats, gc
from pathlib import Path
import aiohttp, uvloop
sys.path.insert(0, "/tmp/plane")
from tests.support.front import StandIn, Front
from coordinator_server.config import CoordinatorConfig
from coordinator_server.serving import read_catalogue, running
from coordinator_server.front import FRONT
from node.forwarding.http1.client import ClientConnection
MAN='''
name = "bench"
title = "Bench"
default_path = "/200.bin"
replicas = 3
concurrency = 1024
data_class = "public"
max_body_bytes = 20000000
'''
class T:
    def __init__(s): s.out=[]; s.n=0
    def get_extra_info(s,n,d=None): return ("127.0.0.1",1) if n=="peername" else None
    def write(s,d): s.n+=1; s.last=d; pend.append(s)
    def writelines(s,d): s.write(b"".join(d))
    def is_closing(s): return False
    def get_write_buffer_size(s): return 0
    def pause_reading(s): pass
    def resume_reading(s): pass
    def close(s): pass
    def abort(s): s.proto.connection_lost(None)
    def can_write_eof(s): return False
pend=[]
FL=bool(os.environ.get("FL")); fd=os.open("/usr/bin/python3",os.O_RDONLY) if os.path.exists("/usr/bin/python3") else os.open(sys.executable, os.O_RDONLY); fd2=os.open("/dev/null",os.O_WRONLY)
async def connect(address, connection):
    t=T(); t.proto=connection; t.up=True
    connection.connection_made(t)
RESP=b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 14:46:08 GMT\r\nContent-Type: application/octet-stream\r\nContent-Length: 200\r\nLast-Modified: Sat, 21 Nov 2026 14:46:08 GMT\r\nConnection: keep-alive\r\nETag: \"abc\"\r\nX-RMA-Load: 0.100\r\nX-RMA-Attempts: 1\r\nAccept-Ranges: bytes\r\n\r\n"+b"x"*200
async def main():
    folder = Path(tempfile.mkdtemp(prefix="bench-c-"))
    (folder/"m").mkdir(); (folder/"m"/"bench.toml").write_text(MAN)
    config = CoordinatorConfig(port=0, dht_port=0, data_dir=str(folder), services_dir=(str(folder/"m"),), worker_stale=3600.0, worker_forgotten=7200.0, address_rate="900000000/s")
    async with running(config, read_catalogue(config), None) as site, aiohttp.ClientSession() as session:
        front = Front(site, session)
        for n, p in enumerate((1001,1002,1003)):
            invite = await front.ask("POST", "/api/admin/invites", {"trust": "vetted"}, 201)
            w = StandIn(front.url, session, ("bench",), load=0.1)
            w._server = types.SimpleNamespace(port=p)
            await w.enroll(invite["code"], f"w{n}"); await w.register(); await w.heartbeat()
        key = (await front.ask("POST", "/api/admin/keys", {"name": "b", "rate": "900000000/s"}, 201))["key"]
        gw=site.app[FRONT].gateway
        gw._router._parts.forwarder._upstreams.connect=connect
        server=site.server._server
        loop=asyncio.get_running_loop()
        c=ClientConnection(server, loop); t=T(); t.up=False; t.proto=c
        c.connection_made(t)
        C=[c]
        for _ in range(int(os.environ.get("CL","1"))-1):
            c2=ClientConnection(server, loop); t2=T(); t2.up=False; t2.proto=c2; c2.connection_made(t2); C.append(c2)
        vary = bool(os.environ.get("VARY"))
        def req(i): return (f"GET /service/bench/200.bin HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer {key}\r\n"+(f"X-Request-ID: r-{i}\r\n" if vary else "")+"\r\n").encode()
        R=req(0)
        async def one(i):
            B=int(os.environ.get("B","1"))
            if B>1:
                if i%B: return
                for q in range(B): C[(i+q)%len(C)].data_received(bytes(bytearray(R)))
            else: C[i%len(C)].data_received(req(i) if vary else bytes(bytearray(R)))
            while not pend: await asyncio.sleep(0.001)
            while pend:
                if FL: os.pread(fd, 1<<16, 0); os.write(fd2, b"x"*100)
                x=pend.pop()
                if x.up: x.proto.data_received(RESP)
        for i in range(300): await one(i)
        stage=os.environ.get("STAGE")
        if stage:
            from node.forwarding.http1.head import request_head, request_framing
            from node.forwarding.http1.interface import Patience
            PT=Patience()
            fw=gw._router._parts.forwarder; way=next(iter(fw._ways.values())); ans=gw._router._parts.answers.plain
            class H:
                def begin(s,e):
                    if stage=="core": s.go(e); return
                    if stage=="door":
                        gw.__class__.begin(gw,e)
                def go(s,e):
                    e.forward(way.pool, request_head(e.head,b"/x",b"w",ans,b"X-Forwarded-For: 1\r\n"), s, PT)
                def answered(s,e,h): e.relay(ans,b"X-RMA-Worker: w\r\n")
                def failed(s,e,t): raise SystemExit(t)
                def finished(s,e): 
                    if stage=="door": gw.finished(e)
            h=H(); server.handler=h
            if stage=="door":
                class RT:
                    def take(s,e,n,p,**k): h.go(e)
                gw._router=RT()
                async def st(*a): pass
                RT.stop=st
        N=int(os.environ.get("N","4000"))
        best=1e9; gc.collect(); gc.set_debug(0)
        if os.environ.get("NOGC"): gc.disable()
        gc.collect()
        if os.environ.get("PROF"):
            prof=cProfile.Profile(); prof.enable()
            for i in range(N): await one(i)
            prof.disable()
            st=pstats.Stats(prof); st.sort_stats(os.environ["PROF"]).print_stats(170)
        else:
            for r in range(7):
                a=time.process_time(); 
                for i in range(N//4): await one(i)
                x=(time.process_time()-a)/(N//4)*1e6; best=min(best,x); print("%.1f"%x, end=" ")
            
            a=time.process_time()
            for i in range(2000):
                os.pread(fd, 1<<16, 0); os.write(fd2, b"x"*100); os.pread(fd, 1<<16, 0); os.write(fd2, b"x"*100)
            print("flush cost alone %.1f"%((time.process_time()-a)/2000*1e6))
            print("us/request in handler+core, no syscalls: %.1f"%best, t.n)
            print(t.last[:1200].decode() if os.environ.get("SHOW") else "")
uvloop.run(main())
