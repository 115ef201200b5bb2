"""What a builtin service reads of its surroundings."""

from pathlib import Path

import pytest

from node.program.errors import EXIT_USAGE, UserFacingError
from node.services.builtin.contract import read_context


def test_reads_what_the_node_passes(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    environ = {"RMA_SERVICE_DATA_DIR": str(folder), "RMA_SERVICE_TOKEN": "t", "RMA_NODE_URL": "http://n/"}
    context = read_context("ner-extraction", environ | {"RMA_SERVICE_MAX_BODY_BYTES": "99"})
    assert folder.is_dir()
    assert (context.node_url, context.max_body_bytes) == ("http://n", 99)
    assert "'t'" not in repr(context)
    context.threads.shutdown()


@pytest.mark.parametrize("missing", ["RMA_SERVICE_DATA_DIR", "RMA_SERVICE_TOKEN"])
def test_names_what_is_missing(tmp_path: Path, missing: str) -> None:
    environ = {"RMA_SERVICE_DATA_DIR": str(tmp_path), "RMA_SERVICE_TOKEN": "t"}
    del environ[missing]
    with pytest.raises(UserFacingError, match=missing) as caught:
        read_context("ner-extraction", environ)
    assert caught.value.exit_code == EXIT_USAGE
