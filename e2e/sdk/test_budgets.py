"""What both SDKs make of budgets and virtual keys: the right exception, a wait that was asked for, and no retry where none would help."""

import time

import anthropic
import openai
import pytest

from own_provider import OwnProvider, whole
from rendered_run import RenderedRun

HELLO = {"model": "gpt-4", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}
PER_MINUTE = 1200
PER_MONTH = 5000
BUDGETS = {
    "limits": [
        {"name": "user-minute", "per": ["user"], "rate": {"amount": PER_MINUTE, "per": "minute"}},
        {"name": "user-month", "per": ["user"], "quota": {"amount": PER_MONTH, "window": "month"}},
    ]
}
BOTH = pytest.mark.parametrize("sdk", ["openai", "anthropic"])
TIMEOUT_SECONDS = 60


def costing(tokens):
    """An answer of that many tokens in all."""
    message = {"role": "assistant", "content": "Hello."}
    return whole(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4-0613",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 8, "completion_tokens": tokens - 8, "total_tokens": tokens},
        }
    )


@pytest.fixture(scope="module")
def _budgeted():
    with OwnProvider() as provider:
        run = RenderedRun(provider.root, BUDGETS)
        yield run, provider
        run.stop()


class Caller:
    """A client of one SDK with a virtual key as its key. Counts the answers that the SDK sees, those that it retries after included."""

    def __init__(self, sdk, run, key, max_retries):
        self.answers = []
        self._sdk = {"openai": openai, "anthropic": anthropic}[sdk]
        client = {"openai": openai.OpenAI, "anthropic": anthropic.Anthropic}[sdk]
        hooks = {"response": [lambda response: self.answers.append(response.status_code)]}
        self.client = client(
            base_url=run.url if sdk == "openai" else run.root,
            api_key=key,
            max_retries=max_retries,
            timeout=TIMEOUT_SECONDS,
            http_client=self._sdk.DefaultHttpxClient(event_hooks=hooks),
        )

    def ask(self):
        """One question."""
        if self._sdk is openai:
            return self.client.chat.completions.create(**HELLO)
        return self.client.messages.create(**HELLO)

    def refused(self):
        """The rate limit error of one question."""
        with pytest.raises(self._sdk.RateLimitError) as caught:
            self.ask()
        return caught.value


@pytest.fixture
def caller(_budgeted):
    """Makes a caller for a user, after the provider was told what an answer costs."""
    run, provider = _budgeted
    provider.forget()

    def make(sdk, user, max_retries=0):
        return Caller(sdk, run, run.mint(f"{user}-of-{sdk}"), max_retries)

    return provider, make


@BOTH
def test_a_virtual_key_is_an_api_key(caller, sdk):
    provider, make = caller
    provider.reply = costing(20)
    answer = make(sdk, "friend").ask()
    assert answer.model == "gpt-4"
    assert len(provider.requests) == 1


@BOTH
def test_a_key_that_nobody_signed_is_none(_budgeted, sdk):
    run, provider = _budgeted
    provider.forget()
    stranger = Caller(sdk, run, "sk-nobody", max_retries=3)
    error = {"openai": openai.AuthenticationError, "anthropic": anthropic.AuthenticationError}[sdk]
    with pytest.raises(error):
        stranger.ask()
    assert stranger.answers == [401] and provider.requests == []


@BOTH
def test_a_rate_is_an_error_with_its_time(caller, sdk):
    provider, make = caller
    provider.reply = costing(PER_MINUTE)
    impatient = make(sdk, "impatient")
    impatient.ask()
    error = impatient.refused()
    assert error.status_code == 429
    assert 1 <= int(error.response.headers["retry-after"]) <= 10
    assert "`user-minute`" in error.message
    if sdk == "openai":
        assert error.code == "rate_limit_exceeded"
        assert error.response.headers["x-ratelimit-limit-tokens"] == str(PER_MINUTE)
    else:
        assert error.body["error"]["type"] == "rate_limit_error"
        assert error.response.headers["anthropic-ratelimit-tokens-limit"] == str(PER_MINUTE)
    assert len(provider.requests) == 1


@BOTH
def test_the_sdk_waits_as_long_as_it_is_told_and_is_served(caller, sdk):
    provider, make = caller
    provider.reply = costing(PER_MINUTE)
    patient = make(sdk, "patient", max_retries=2)
    patient.ask()
    provider.reply = costing(20)
    begun = time.monotonic()
    patient.ask()
    assert patient.answers == [200, 429, 200], "one refusal, and then the bucket has refilled as far as was said"
    assert time.monotonic() - begun > 0.5
    assert len(provider.requests) == 2


@BOTH
def test_the_sdk_does_not_wait_for_next_month(caller, sdk):
    provider, make = caller
    # What the next month owes too is not free in five minutes, whatever today's date is.
    provider.reply = costing(2 * PER_MONTH)
    stubborn = make(sdk, "stubborn", max_retries=5)
    stubborn.ask()
    error = stubborn.refused()
    assert stubborn.answers == [200, 429], "five retries were allowed, and none was made"
    assert error.response.headers["x-should-retry"] == "false"
    assert "`user-month`" in error.message
    if sdk == "openai":
        assert error.code == "insufficient_quota"
