"""Qt without a screen, its loop as the loop of every async test, and a node's control API to talk to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import pytest
import pytest_asyncio
import qasync
from PySide6.QtWidgets import QApplication

from app.application import Application
from app.control_client import ControlClient
from app.node_model import NodeModel
from tests.support.control_server import ControlServer


def application() -> Application:
    existing = QApplication.instance()
    return existing if isinstance(existing, Application) else Application(["rma-mesh"])


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"qt": lambda: qasync.QEventLoop(application())}


@pytest.fixture(scope="session")
def qapp_cls() -> type[Application]:
    return Application


@pytest.fixture(autouse=True)
def qt(qapp: Application) -> Application:
    return qapp


@pytest.fixture
def model(qapp: Application) -> Iterator[NodeModel]:
    made = NodeModel()
    yield made
    made.deleteLater()


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[ControlServer]:
    made = ControlServer(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[ControlClient]:
    async with ControlClient(tmp_path) as made:
        yield made
