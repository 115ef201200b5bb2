"""A bundle is collected beside the window, with what the window knows, whether a node runs or not."""

from __future__ import annotations

import zipfile
from pathlib import Path

from app.diagnostics.job import BundleJob, collector, window_sources, write_bundle
from app.picture import NodeLife
from node.diagnostics.bundle import BundleFile
from tests.support import samples
from tests.support.samples import NOW
from tests.support.waiting import eventually


async def test_a_bundle_of_a_node_that_does_not_run(tmp_path: Path) -> None:
    life = NodeLife("restarting", restarts=3, trouble="It said password=tiny1 and ended.")
    picture = samples.picture(samples.ONLINE, connected=False, life=life)
    job = BundleJob(collector(tmp_path, picture))
    told: list[tuple[BundleFile, ...]] = []
    steps: list[tuple[int, int]] = []
    job.collected.connect(told.append)
    job.progressed.connect(lambda done, of: steps.append((done, of)))
    job.start()
    await eventually(lambda: bool(told), "a bundle")
    files = {file.name: file.text for file in told[0]}
    assert {"versions.json", "window.json", "last-status.json"} <= set(files)
    assert '"restarts": 3' in files["window.json"]
    assert "tiny1" not in files["window.json"]
    assert steps[-1][0] == steps[-1][1] > 3
    write_bundle(tmp_path / "x.zip", told[0], NOW)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.testzip() is None


def test_a_node_that_answers_is_not_told_of_twice() -> None:
    names = [source.name for source in window_sources(samples.picture(samples.ONLINE))]
    assert names == ["window.json"]
