"""Unmodified programs give the same on Kiln as on ONNX Runtime; compare.py prints time and memory too."""
import pytest

import compare


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    return tmp_path_factory.mktemp("clients")


@pytest.mark.parametrize("client", compare.CLIENTS, ids=lambda client: client.name)
def test_same_results(client, inputs):
    reason = compare.why_not(client)
    if reason:
        pytest.skip(reason)
    folder = compare.prepare(client, inputs)
    theirs = compare.run(client, folder, [], None).result
    cache = inputs / "cache"
    for _ in range(2):
        assert not client.differences(compare.run(client, folder, compare.DROPIN, cache).result, theirs)
