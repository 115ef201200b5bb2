import sys, json, subprocess, os, tempfile, contextlib, socket, time, statistics
sys.path[:0] = ["/tmp/plane", "/tmp/bench_real"]; os.chdir("/tmp/plane")
from old_bench import Bench, Proxy, free_port, end, NGINX, SCRIPT
from pathlib import Path
import psutil
conns=[int(c) for c in os.environ.get("CONNS","32").split(",")]; size=int(os.environ.get("SIZE","200")); secs=int(os.environ.get("SECS","3")); rounds=int(os.environ.get("ROUNDS","3"))
W='''server {{ {listens} add_header X-RMA-Load 0.100; add_header X-RMA-Attempts 1; location /service/bench/ {{ alias {dir}/; }} }}'''
P='''upstream workers {{ {servers} keepalive 256; keepalive_requests 1000000000; }}
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://workers; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Cookie ""; proxy_set_header Authorization ""; add_header X-RMA-Worker w; }} }}'''
with contextlib.ExitStack() as stack:
    d=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))); d.chmod(0o755)
    b=Bench(d,stack)
    (d/f"{size}.bin").write_bytes(b"x"*size)
    ports=[free_port() for _ in range(3)]
    b.nginx("workers", W.format(listens=" ".join(f"listen 127.0.0.1:{p};" for p in ports), dir=d), b._other_cores, ports[-1])
    np, op = free_port(), free_port()
    ng=b.nginx("nginx", P.format(servers=" ".join(f"server 127.0.0.1:{p};" for p in ports), port=np), b._proxy_core, np)
    proc=subprocess.Popen([os.environ.get("PY",sys.executable),"/tmp/bench_real/serve.py",str(op),*map(str,ports)],stdout=subprocess.PIPE,text=True,preexec_fn=lambda: os.sched_setaffinity(0,b._proxy_core))
    stack.callback(end,proc)
    told=json.loads(proc.stdout.readline())
    proxies=[ng, Proxy("ours", op, psutil.Process(proc.pid))]
    if os.environ.get("CORE"):
        cp=free_port()
        proxies.append(b.start("core",[sys.executable,"-m","bench.gateway_support.core_proxy","--port",str(cp)]+[x for p in ports for x in ("--worker",str(p))],b._proxy_core,cp))
    def load(px, conn):
        script=d/"wrk.lua"; script.write_text(SCRIPT.format(vary="true" if os.environ.get("VARY") else "false"))
        before=px.cpu_seconds(); ct0=px.process.cpu_times(); cs0=px.process.num_ctx_switches()
        out=subprocess.run(["wrk","-t1",f"-c{conn}",f"-d{secs}","-H",f"Authorization: Bearer {told['key']}","-s",str(script),f"http://127.0.0.1:{px.port}/service/bench/{size}.bin"],check=True,capture_output=True,text=True,preexec_fn=lambda: os.sched_setaffinity(0,b._other_cores))
        cpu=px.cpu_seconds()-before; t=json.loads(out.stdout.splitlines()[-1]); ct=px.process.cpu_times(); cs=px.process.num_ctx_switches(); nn=max(1,t["requests"])
        if px.name!="nginx" and os.environ.get("FAULTS"):
            st=open(f"/proc/{px.process.pid}/stat").read().rsplit(")",1)[1].split(); print("minflt total",st[7]," sys io", open(f"/proc/{px.process.pid}/io").read().split()[5:8:2] )
        if px.name!="nginx": print("   ",px.name,"user %.1f sys %.1f us, ctx vol %.2f inv %.2f"%((ct.user-ct0.user)/nn*1e6,(ct.system-ct0.system)/nn*1e6,(cs.voluntary-cs0.voluntary)/nn,(cs.involuntary-cs0.involuntary)/nn))
        return t["requests"]/t["seconds"], t["p50_ms"], t["p99_ms"], cpu/max(1,t["requests"])*1e6, t["errors"]
    if os.environ.get("TRACE"):
        import threading
        ours=[p for p in proxies if p.name==os.environ["TRACE"]][0]
        pr=subprocess.Popen(os.environ["TOOL"].format(pid=ours.process.pid),shell=True)
        secs=4; load(ours,32); pr.wait(); sys.exit(0)
    for c in conns:
        rs=[]
        for _ in range(rounds):
            f={p.name: load(p,c) for p in proxies}
            rs.append((f["ours"][0]/f["nginx"][0], f["nginx"][3]/f["ours"][3], f))
        rs.sort(key=lambda r:r[0]); r=rs[len(rs)//2]
        print(size, c, "rate x%.2f cpu-inverse x%.2f"%r[:2], {k:[round(x,2) for x in v] for k,v in r[2].items()}, flush=True)
    if os.environ.get("PROF"):
        proc.terminate(); print(proc.stdout.read()[:9000])
