"""Qt without a screen, its loop as the loop of every async test, and a node's control API to talk to.

No window outlives its test, and what nobody holds any more is freed in this thread: see app/garbage.py.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import pytest
import pytest_asyncio
import qasync
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from app import garbage
from app.application import Application
from app.control_client import ControlClient
from app.node_model import NodeModel
from tests.support.control_server import ControlServer

HERE = Path(__file__).parent


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Let Python look for garbage between these tests only: it must not do so in a thread beside the windows."""
    if HERE not in item.path.parents:
        return (yield)
    gc.disable()
    result = yield
    garbage.collect()
    if nextitem is None or HERE not in nextitem.path.parents:
        gc.collect()
        gc.enable()
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Free what the test has made, in good order; fail where a window is left."""
    result = yield
    free()
    windows = QApplication.topLevelWidgets()
    left = [type(window).__name__ for window in windows]
    for window in windows:
        window.close()
        window.deleteLater()
    free()
    assert not left, "windows outlive their test: give them to qtbot.addWidget, or delete them"
    return result


def free() -> None:
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # outside of a loop nobody else does
    gc.collect(0)


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
