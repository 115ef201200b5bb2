import asyncio, sys, os, subprocess, json, tempfile, contextlib, time, signal
sys.path[:0]=["/tmp/plane","/tmp/bench_real"]; os.chdir("/tmp/plane")
from old_bench import Bench, free_port, end
from pathlib import Path
W='''server {{ {listens} add_header X-RMA-Load 0.100; add_header X-RMA-Attempts 1; location /service/bench/ {{ alias {dir}/; }} }}'''
async def client(port, key, stats):
    ask=f"GET /service/bench/200.bin HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n".encode()
    w=None
    while True:
        try:
            if w is None: r,w=await asyncio.open_connection("127.0.0.1",port)
        except OSError: stats["refused"]+=1; return
        try:
            w.write(ask); head=await r.readuntil(b"\r\n\r\n"); body=await r.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            st=int(head.split()[1]); stats[st]=stats.get(st,0)+1
            if b"connection: close" in head.lower(): w.close(); w=None; stats["closed"]+=1
        except Exception as e:
            stats["lost"]+=1; stats["err"]=repr(e); return
async def load(port,key,proc,stats):
    async with asyncio.TaskGroup() as g:
        for _ in range(40): g.create_task(client(port,key,stats))
        await asyncio.sleep(2); proc.send_signal(signal.SIGTERM)
with contextlib.ExitStack() as stack:
    d=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))); d.chmod(0o755)
    b=Bench(d,stack); (d/"200.bin").write_bytes(b"x"*200)
    ports=[free_port() for _ in range(3)]
    b.nginx("workers", W.format(listens=" ".join(f"listen 127.0.0.1:{p};" for p in ports), dir=d), b._other_cores, ports[-1])
    for _ in range(3):
        op=free_port()
        proc=subprocess.Popen([sys.executable,"/tmp/bench_real/serve.py",str(op),*map(str,ports)],stdout=subprocess.PIPE,text=True)
        told=json.loads(proc.stdout.readline()); stats={"refused":0,"lost":0,"closed":0}
        asyncio.run(load(op,told["key"],proc,stats)); print(stats, proc.wait())
