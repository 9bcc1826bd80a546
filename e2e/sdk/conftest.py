"""Fixtures: a gateway in front of scripted providers, one in front of servers of the tests' own, and the SDKs' clients."""

import itertools
import os

import anthropic
import openai
import pytest

from lab_run import LabRun
from own_provider import OwnProvider

# Recognisable, so that a test can say that no provider saw it.
CLIENT_KEY = "sk-the-clients-own-key"
# No test waits for it: a gateway that does not answer should fail the test, not hang it.
TIMEOUT_SECONDS = 60
_USERS = (f"user-{number}" for number in itertools.count())


def options(**more):
    """What every client is made with. It does not retry, so that what a test sees is the gateway's doing, and it is a user of its own, who has
    all of the example's budgets."""
    return {"api_key": CLIENT_KEY, "max_retries": 0, "timeout": TIMEOUT_SECONDS, "default_headers": {"x-user-id": next(_USERS)}, **more}


def pytest_configure():
    """Takes away what would point the SDKs elsewhere: their own variables, and proxies, which nothing on loopback needs."""
    for name in list(os.environ):
        if name.upper().startswith(("OPENAI_", "ANTHROPIC_")) or name.upper().endswith("_PROXY"):
            del os.environ[name]


@pytest.fixture(scope="session")
def _scripted():
    run = LabRun()
    yield run
    run.stop()


@pytest.fixture
def gateway(_scripted):
    """The gateway of `make run` without keys, its providers up and their memory empty."""
    for order in ("openai/up", "anthropic/up", "clear"):
        _scripted.control(order)
    return _scripted


@pytest.fixture
def client(gateway):
    """OpenAI's client."""
    with openai.OpenAI(**options(base_url=gateway.url)) as client:
        yield client


@pytest.fixture
def async_client(gateway):
    """OpenAI's asynchronous client; to be closed by `async with`, in the event loop that uses it."""
    return openai.AsyncOpenAI(**options(base_url=gateway.url))


@pytest.fixture
def anthropic_client(gateway):
    """Anthropic's client, on the same gateway."""
    with anthropic.Anthropic(**options(base_url=gateway.root)) as client:
        yield client


@pytest.fixture(scope="session")
def _own():
    with OwnProvider() as first, OwnProvider() as second:
        run = LabRun(
            OPENAI_API_KEY="sk-of-the-first",
            OPENAI_BASE_URL=f"{first.root}/v1",
            ANTHROPIC_API_KEY="sk-of-the-second",
            ANTHROPIC_BASE_URL=second.root,
            # A stream may pause for as long as all attempts may take to begin, so both are short; a busy machine is still no silent provider.
            FIRST_BYTE_TIMEOUT="2s",
            IDLE_TIMEOUT="2s",
        )
        yield run, first, second
        # Answers that hang would keep the gateway's connections open.
        first.release()
        second.release()
        run.stop()


@pytest.fixture
def own(_own):
    """The gateway in front of two servers of ours, in the places of OpenAI and Anthropic: (gateway, first, second)."""
    run, first, second = _own
    first.forget()
    second.forget()
    yield run, first, second
    first.release()
    second.release()


@pytest.fixture
def own_client(own):
    """OpenAI's client on that gateway."""
    with openai.OpenAI(**options(base_url=own[0].url)) as client:
        yield client


@pytest.fixture
def own_anthropic_client(own):
    """Anthropic's client on that gateway."""
    with anthropic.Anthropic(**options(base_url=own[0].root)) as client:
        yield client
