# times of pieces of the router, hot
import sys, time, asyncio, random
sys.path.insert(0,"/tmp/plane")
from tests.support.exchanges import exchange
from tests.support.routing import OCR, Source, record
from node.routing.router import Router
from node.routing.settings import RoutingSettings
from node.forwarding.forwarder import Forwarder
from node.forwarding.outbound import *
from node.forwarding.headers import *
from node.wire.manifests import Catalogue
from node.routing.choice import Choice
from node.routing.dispatch import Dispatch
from node.routing.attempt import Attempt
from node.routing.stats import Outcome
from coordinator_server.gateway.rates import *
from coordinator_server.metrics import Ended
import uvloop
def t(name, f, n=20000):
    best=9e9
    for _ in range(5):
        a=time.perf_counter()
        for _ in range(n): f()
        best=min(best,(time.perf_counter()-a)/n*1e6)
    print(f"{best:6.2f} us {name}")
async def main():
    router=Router(worker_id="g",catalogue=lambda:c,local=None,sources=[Source(records=[record("w1",1),record("w2",2),record("w3",3)])],forwarder=Forwarder(lambda a:"tok"),settings=RoutingSettings())
    parts=router._parts
    await Choice(parts,OCR,vetted_only=False).look_up()
    e=exchange(); e.client.loop=asyncio.get_running_loop(); e.request_id="abc"
    ob=outbound_of(e,OCR,None,trusted=False)
    t("outbound_of memo", lambda: outbound_of(e,OCR,None,trusted=False))
    t("request_id_of", lambda: request_id_of(e.head))
    t("id_lines", lambda: id_lines(e,ob))
    t("Dispatch()", lambda: Dispatch(parts,ob,e,forwarded=False,caller="x",vetted_only=False,over=print))
    t("Choice()", lambda: Choice(parts,OCR,vetted_only=False))
    t("Choice()+ready", lambda: Choice(parts,OCR,vetted_only=False).ready())
    t("cache.known", lambda: parts.cache.known("vision-ocr", None))
    r=parts.cache.ranking("vision-ocr"); ch=Choice(parts,OCR,vetted_only=False)
    t("_pick", lambda: ch._pick(r))
    w=ch._wanted(set())
    t("_wanted", lambda: ch._wanted(set()))
    t("least_loaded", lambda: r.least_loaded(3,w,parts.rng))
    t("selector.pick", lambda: parts.selector.pick("vision-ocr",r,w))
    cand=r.get("w1")
    t("Attempt()", lambda: Attempt(parts,"vision-ocr",cand,listener=None,line=e))
    at=Attempt(parts,"vision-ocr",cand,listener=None,line=e)
    def be(): at.begin(); at.end()
    t("attempt begin+end", be)
    t("addresses.ordered", lambda: parts.addresses.ordered(cand,1.0))
    way=parts.forwarder.way("w1",cand.targets[0]); ln=id_lines(e,ob)
    t("way()", lambda: parts.forwarder.way("w1",cand.targets[0]))
    t("way.head", lambda: way.head(ob,ln))
    d=Dispatch(parts,ob,e,forwarded=False,caller="x",vetted_only=False,over=print); at.route="direct"
    t("_added_lines", lambda: d._added_lines(at,0.1))
    t("update_load same", lambda: parts.cache.update_load("w1",0.1))
    x=[0.1]
    def ul(): x[0]=0.3 if x[0]==0.1 else 0.1; parts.cache.update_load("w1",x[0])
    t("update_load other", ul)
    t("budget", lambda: parts.budget.request(1.0))
    g=parts.remote_gates
    def ga():
        gg=g.of("vision-ocr",12); gg.try_enter(); gg.leave()
    t("gate", ga)
    d.worker="w1"; d.route="direct"; e.status=200
    t("_finished", lambda: router._finished(d))
    b=Buckets(); ra=Rate(1000000000,1.0)
    t("bucket.take", lambda: b.take("k",ra,5.0))
    v=b.take("k",ra,5.0)
    t("verdict.lines", lambda: v.lines)
    m=Ended()
    t("metrics add", lambda: m.add(("a","b","c",200),0.01))
    t("clock", parts.clock)
    t("times_of", lambda: parts.settings.times_of(OCR))
    await router.stop()
c=Catalogue((OCR,))
uvloop.run(main())
