"""What the metrics read."""

from __future__ import annotations

from pathlib import Path

from tests.support.front import running_front


async def test_the_prometheus_reading_is_of_now(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front:
        worker = await front.join("alpha")
        async with front.session.get(front.url + "/metrics") as answer:
            text = await answer.text()
            assert answer.content_type == "text/plain"
        for line in (
            "rma_registered_workers 1.0", "rma_active_workers 1.0", "rma_stale_workers 0.0",
            'rma_service_workers{service="echo"} 1.0', 'rma_service_wanted_workers{service="echo"} 1.0',
            'rma_dht{what="contacts"} 0.0', "rma_failovers_total 0.0",
            "rma_coordinators 1.0", "rma_expected_workers 0.0", "rma_store_up 1.0",
        ):  # fmt: skip
            assert line in text
        assert f'rma_worker_heartbeat_age_seconds{{worker="{worker.worker_id}"}}' in text
