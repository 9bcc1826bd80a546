"""Anthropic's SDK on a stream that breaks after its first content: it raises an error, in Anthropic's words where there are any."""

import anthropic
import pytest

from beginnings import ANTHROPIC_BEGINS, ANTHROPIC_FAILS, OPENAI_BEGINS, OPENAI_FAILS, script, transport_errors
from own_provider import CLOSE, RESET, events

HELLO = {"model": "gpt-4", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}


def begin(client):
    """A stream whose first words have arrived."""
    stream = client.messages.create(**HELLO, stream=True)
    for event in stream:
        if event.type == "message_start":
            assert event.message.model == "gpt-4"
        if event.type == "content_block_delta":
            assert event.delta.text == "Once upon"
            return stream
    pytest.fail("the stream ended without content")


def read_on(stream):
    """Reads to the end; nothing on the way may say that the answer is complete."""
    with stream as rest:
        for event in rest:
            assert event.type not in ("message_delta", "message_stop")


@pytest.mark.parametrize("answering", ["openai", "anthropic"])
def test_an_end_without_the_terminal_event_is_an_error(own, own_anthropic_client, answering):
    script(own, answering, events(*OPENAI_BEGINS), events(*ANTHROPIC_BEGINS))
    stream = begin(own_anthropic_client)
    with pytest.raises(anthropic.APIStatusError) as caught:
        read_on(stream)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] and caught.value.body["error"]["message"]


@pytest.mark.parametrize("answering", ["openai", "anthropic"])
def test_the_providers_own_error_in_the_stream_is_passed_on(own, own_anthropic_client, answering):
    script(own, answering, events(*OPENAI_BEGINS, OPENAI_FAILS), events(*ANTHROPIC_BEGINS, ANTHROPIC_FAILS))
    stream = begin(own_anthropic_client)
    with pytest.raises(anthropic.APIStatusError) as caught:
        read_on(stream)
    assert caught.value.body["error"] == {"type": "api_error", "message": "It broke."}


@pytest.mark.parametrize("end", [CLOSE, RESET])
@pytest.mark.parametrize("answering", ["openai", "anthropic"])
def test_a_connection_that_breaks_is_an_error(own, own_anthropic_client, answering, end):
    provider = script(own, answering, events(*OPENAI_BEGINS, end=end), events(*ANTHROPIC_BEGINS, end=end))
    stream = begin(own_anthropic_client)
    provider.release()
    with pytest.raises(transport_errors(anthropic)):
        read_on(stream)
    assert len(provider.requests) == 1, "what the client has read cannot be taken back, so nobody else is asked"
