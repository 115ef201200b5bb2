"""The store that the settings name is opened, with TLS and a user where etcd wishes that, or it is said why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.config import CoordinatorConfig
from coordinator_server.store.etcd.store import EtcdStore
from coordinator_server.store.interface import StoreError, Write
from coordinator_server.store.opening import open_store
from coordinator_server.store.sqlite import FILE_NAME, SqliteStore
from node.program.errors import UserFacingError
from node.program.settings import SettingError
from tests.support.certificates import Authority
from tests.support.etcd import Cluster, etcd_cluster, free_port


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the authorities and certificates of a cluster and of its clients."""
    folder = tmp_path_factory.mktemp("tls")
    authority, other = Authority("etcd"), Authority("somebody else")
    authority.write(folder / "ca.pem")
    other.write(folder / "other-ca.pem")
    authority.issue("127.0.0.1", folder / "server.pem", folder / "server.key")
    authority.issue("", folder / "client.pem", folder / "client.key")  # etcd takes no names beside passwords
    authority.issue("rma", folder / "named.pem", folder / "named.key")
    other.issue("rma", folder / "stranger.pem", folder / "stranger.key")
    (folder / "password").write_text("correct horse\n")
    (folder / "wrong").write_text("battery staple\n")
    return folder


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[Cluster]:
    """Run a cluster that wants certificates, and a user with a password who may use one prefix."""
    with etcd_cluster(1, "--auth-token-ttl", "1", tls=folder) as cluster:
        cluster.ctl("user", "add", "root:root")
        cluster.ctl("user", "grant-role", "root", "root")
        cluster.ctl("role", "add", "mesh")
        cluster.ctl("role", "grant-permission", "mesh", "--prefix=true", "readwrite", "ours/")
        cluster.ctl("user", "add", "rma:correct horse")
        cluster.ctl("user", "grant-role", "rma", "mesh")
        cluster.ctl("auth", "enable")
        yield cluster


def config(tmp_path: Path, **settings: Any) -> CoordinatorConfig:
    return CoordinatorConfig(data_dir=str(tmp_path), **settings)


def settings_for(cluster: Cluster, folder: Path, **changes: Any) -> dict[str, Any]:
    return {
        "store": str(cluster.address("ours")),
        "store_ca": str(folder / "ca.pem"),
        "store_cert": str(folder / "client.pem"),
        "store_key": str(folder / "client.key"),
        "store_user": "rma",
        "store_password_file": str(folder / "password"),
        **changes,
    }


async def test_without_a_word_it_is_a_file_in_the_data_directory(tmp_path: Path) -> None:
    store = await open_store(config(tmp_path))
    assert isinstance(store, SqliteStore)
    await store.close()
    assert (tmp_path / FILE_NAME).exists()


@pytest.mark.needs("etcd", "etcdctl")
async def test_etcd_with_certificates_and_a_user(guarded: Cluster, folder: Path, tmp_path: Path) -> None:
    store = await open_store(config(tmp_path, **settings_for(guarded, folder)))
    assert isinstance(store, EtcdStore)
    async with store.watch("k") as watch:
        assert (await anext(watch)).whole
        await store.commit([Write("k", b"v"), Write("here", b"", leased=True)])
        assert [change.key for change in (await anext(watch)).changes] == ["k"]
        store._gateway._token = "expired.1"
        assert await store.get("k") is not None
        store._gateway._token = "expired.2"
        assert await store.delete("k"), "whoever we are was asked again"
        assert [change.entry for change in (await anext(watch)).changes] == [None]
    await store.close()


@pytest.mark.needs("etcd", "etcdctl")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"store_password_file": "wrong"}, "does not let us in"),
        ({"store_cert": "named.pem", "store_key": "named.key"}, "must name no CommonName"),
        ({"store_ca": "other-ca.pem"}, "cannot be reached"),
        ({"store_cert": "stranger.pem", "store_key": "stranger.key"}, "cannot be reached"),
    ],
)
async def test_who_may_not_in_is_told(
    guarded: Cluster, folder: Path, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    paths = {name: str(folder / file) for name, file in changes.items()}
    with pytest.raises(UserFacingError, match=said) as caught:
        await open_store(config(tmp_path, **settings_for(guarded, folder, **paths)))
    assert "--store-" in caught.value.hint
    assert "battery" not in str(caught.value)


@pytest.mark.needs("etcd", "etcdctl")
async def test_what_belongs_to_another_mesh_is_refused(guarded: Cluster, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="does not let us in") as caught:
        await open_store(config(tmp_path, **settings_for(guarded, folder, store=str(guarded.address("theirs")))))
    assert isinstance(caught.value.__cause__, StoreError)


async def test_where_nobody_answers_it_is_said(tmp_path: Path) -> None:
    members = ",".join(f"127.0.0.1:{free_port()}" for _ in range(2))
    with pytest.raises(UserFacingError, match="cannot be reached") as caught:
        await open_store(config(tmp_path, store=f"etcd://{members}"))
    assert "Start etcd" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content"),
    [("store_ca", b"no certificate"), ("store_key", b"no key"), ("store_password_file", b"a\nb"),
     ("store_password_file", b""), ("store_password_file", b"\xff"), ("store_password_file", None)],
)  # fmt: skip
async def test_a_bad_file_is_said(folder: Path, tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / "bad"
    if content is not None:
        path.write_bytes(content)
    settings = {
        "store": "etcd://127.0.0.1",
        "store_ca": str(folder / "ca.pem"),
        "store_cert": str(folder / "client.pem"),
        "store_key": str(folder / "client.key"),
        "store_user": "rma",
        "store_password_file": str(folder / "password"),
        name: str(path),
    }
    with pytest.raises(UserFacingError, match="cannot be used"):
        await open_store(config(tmp_path, **settings))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"store": "mysql://h"}, "store"),
        ({"store": "etcd://h:0"}, "store"),
        ({"store_cert": "a"}, "store_key"),
        ({"store_key": "a"}, "store_cert"),
        ({"store_cert": "a", "store_key": "b"}, "store_ca"),
        ({"store_user": "a"}, "store_password_file"),
        ({"store_password": "secret"}, "store_user"),
        ({"store_user": "a", "store_password": "secret", "store_password_file": "f"}, "store_password_file"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(SettingError, match=name) as caught:
        CoordinatorConfig(**settings)
    assert "secret" not in str(caught.value)
