"""OpenAI's SDK on a stream that breaks after its first content: it raises an error, and nothing looks like the whole answer."""

import openai
import pytest

from beginnings import ANTHROPIC_BEGINS, ANTHROPIC_FAILS, OPENAI_BEGINS, OPENAI_FAILS, script, transport_errors
from own_provider import CLOSE, RESET, events

HELLO = [{"role": "user", "content": "Hello"}]


class Beginning:
    """A stream whose first words have arrived."""

    def __init__(self, client):
        self._stream = client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True)
        self.chunks = []
        for chunk in self._stream:
            self.chunks.append(chunk)
            if chunk.choices and chunk.choices[0].delta.content:
                break
        assert self.chunks[-1].choices[0].delta.content == "Once upon"

    def read_on(self):
        """Reads to the end, whatever that is."""
        with self._stream as rest:
            for chunk in rest:
                self.chunks.append(chunk)

    def check_unfinished(self):
        """Nothing that was read says that the answer is complete."""
        assert all(choice.finish_reason is None for chunk in self.chunks for choice in chunk.choices)
        assert {chunk.model for chunk in self.chunks} == {"gpt-4"}


@pytest.mark.parametrize("answering", ["openai", "anthropic"])
def test_an_end_without_the_terminal_event_is_an_error(own, own_client, answering):
    script(own, answering, events(*OPENAI_BEGINS), events(*ANTHROPIC_BEGINS))
    beginning = Beginning(own_client)
    with pytest.raises(openai.APIError) as caught:
        beginning.read_on()
    # In the stream, where the gateway can still say why: no broken connection.
    assert not isinstance(caught.value, openai.APIConnectionError)
    assert caught.value.message and caught.value.type
    beginning.check_unfinished()


@pytest.mark.parametrize("answering", ["openai", "anthropic"])
def test_the_providers_own_error_in_the_stream_is_passed_on(own, own_client, answering):
    script(own, answering, events(*OPENAI_BEGINS, OPENAI_FAILS), events(*ANTHROPIC_BEGINS, ANTHROPIC_FAILS))
    beginning = Beginning(own_client)
    with pytest.raises(openai.APIError) as caught:
        beginning.read_on()
    assert caught.value.message == "It broke."
    assert caught.value.type == "server_error"
    beginning.check_unfinished()


@pytest.mark.parametrize("end", [CLOSE, RESET])
@pytest.mark.parametrize("answering", ["openai", "anthropic"])
def test_a_connection_that_breaks_is_an_error(own, own_client, answering, end):
    provider = script(own, answering, events(*OPENAI_BEGINS, end=end), events(*ANTHROPIC_BEGINS, end=end))
    beginning = Beginning(own_client)
    provider.release()
    with pytest.raises(transport_errors(openai)):
        beginning.read_on()
    beginning.check_unfinished()
    assert len(provider.requests) == 1, "what the client has read cannot be taken back, so nobody else is asked"


def test_a_stream_that_stalls_is_an_error(own, own_client):
    beginnings = []
    # Both at once: the time that a stream may pause is what this test waits for.
    for answering in ("openai", "anthropic"):
        script(own, answering, events(*OPENAI_BEGINS, end=CLOSE), events(*ANTHROPIC_BEGINS, end=CLOSE))
        beginnings.append(Beginning(own_client))
    for beginning in beginnings:
        with pytest.raises(transport_errors(openai)):
            beginning.read_on()
        beginning.check_unfinished()


@pytest.mark.parametrize("end", [CLOSE, RESET])
def test_a_connection_that_breaks_before_the_first_content_is_mended(own, own_client, end):
    _, first, second = own
    first.reply = events(OPENAI_BEGINS[0], end=end)
    second.reply = events(
        *ANTHROPIC_BEGINS,
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
        '"usage":{"output_tokens":2}}\n\n',
        'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    )
    first.release()
    beginning = Beginning(own_client)
    beginning.read_on()
    assert beginning.chunks[-1].choices[0].finish_reason == "stop"
    assert (len(first.requests), len(second.requests)) == (1, 1)
