"""The gateway as it was designed before: FastAPI takes a request, httpx makes it again, uvicorn serves.

One process, as with the others.

It has what can be had for nothing (uvloop, httptools, one client that keeps its connections, streamed answers), and
no keys, rates or metrics: what it does is the least that such a gateway does.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
from collections.abc import AsyncIterator

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

KEPT_BACK = frozenset({"host", "connection", "content-length", "transfer-encoding", "cookie", "authorization"})
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def application(workers: list[int]) -> FastAPI:
    turn = itertools.cycle(workers)
    client = httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=512, max_keepalive_connections=256))

    async def forward(path: str, request: Request) -> StreamingResponse:
        headers = {name: value for name, value in request.headers.items() if name not in KEPT_BACK}
        headers["x-forwarded-for"] = request.client.host if request.client is not None else ""
        asked = client.build_request(
            request.method,
            f"http://127.0.0.1:{next(turn)}/{path}",
            params=request.query_params,
            headers=headers,
            content=await request.body(),
        )
        answer = await client.send(asked, stream=True)
        told = {
            name: value for name, value in answer.headers.items() if name not in ("connection", "date", "server")
        }
        told["x-rma-worker"] = "w"
        return StreamingResponse(
            answer.aiter_raw(), answer.status_code, told, background=BackgroundTask(answer.aclose)
        )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)
    app.add_api_route("/{path:path}", forward, methods=METHODS, response_model=None)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--worker", type=int, action="append", required=True)
    arguments = parser.parse_args()
    uvicorn.run(application(arguments.worker), port=arguments.port, log_level="critical", access_log=False)
