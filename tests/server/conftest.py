"""What the tests of a running server share."""

import pytest

from harness import Server


@pytest.fixture(scope="module")
def server():
    """A server that the tests of a module share."""
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def admin(server):
    """The API as the first administrator sees it."""
    with server.client() as client:
        yield client
