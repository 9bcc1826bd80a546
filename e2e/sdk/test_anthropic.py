"""Anthropic's SDK on the same gateway and the same model: OpenAI's answers translated, Anthropic's own once OpenAI is down."""

import asyncio

import anthropic
import pytest

HELLO = {"model": "gpt-4", "max_tokens": 64, "system": "Be brief.", "messages": [{"role": "user", "content": "Hello"}]}
# Who answers, under which name, at which attempt, and what must happen to OpenAI for that.
ANSWERED_BY = pytest.mark.parametrize(
    ("order", "shown"),
    [("openai/up", ["openai", "gpt-4", "1"]), ("openai/down", ["anthropic", "claude-3-opus", "2"])],
)


@ANSWERED_BY
def test_a_whole_answer(gateway, anthropic_client, order, shown):
    gateway.control(order)
    raw = anthropic_client.messages.with_raw_response.create(**HELLO)
    answer = raw.parse()
    assert [raw.headers[name] for name in ("x-ai-provider", "x-ai-model", "x-ai-attempts")] == shown
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", "gpt-4")
    assert answer.id.startswith("msg_")
    [block] = answer.content
    assert block.type == "text" and block.text.endswith("you said Hello")
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0
    assert answer._request_id


@ANSWERED_BY
def test_the_stream_helper(gateway, anthropic_client, order, shown):
    gateway.control(order)
    with anthropic_client.messages.stream(**HELLO) as stream:
        text = "".join(stream.text_stream)
        answer = stream.get_final_message()
        assert [stream.response.headers[name] for name in ("x-ai-provider", "x-ai-model", "x-ai-attempts")] == shown
    assert text == answer.content[0].text
    assert text.endswith("you said Hello")
    assert (answer.model, answer.role, answer.stop_reason) == ("gpt-4", "assistant", "end_turn")
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0


@ANSWERED_BY
def test_the_events_of_a_stream_have_their_order(gateway, anthropic_client, order, shown):
    gateway.control(order)
    with anthropic_client.messages.create(**HELLO, stream=True) as stream:
        kinds = [event.type for event in stream if event.type != "ping"]
    deltas = kinds.count("content_block_delta")
    assert deltas > 1, "it came in pieces"
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * deltas,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


@ANSWERED_BY
def test_the_async_client(gateway, order, shown):
    gateway.control(order)

    async def ask():
        async with anthropic.AsyncAnthropic(base_url=gateway.root, api_key="sk-unused", max_retries=0) as client:
            async with client.messages.stream(**HELLO) as stream:
                return await stream.get_final_message()

    answer = asyncio.run(ask())
    assert answer.model == "gpt-4"
    assert answer.content[0].text.endswith("you said Hello")
    assert len(gateway.seen()[shown[0]]) == 1


def test_the_request_is_translated_for_openai(gateway, anthropic_client):
    turns = [*HELLO["messages"], {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "And now?"}]
    # The last release for Python 3.9 calls `temperature` by name, later ones take it as an extra field.
    anthropic_client.messages.create(
        **{**HELLO, "messages": turns}, stop_sequences=["END"], extra_body={"temperature": 0.25}
    )
    [request] = gateway.seen()["openai"]
    body = request["body"]
    assert (body["model"], body["temperature"]) == ("gpt-4", 0.25)
    assert 64 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert body["stop"] in ("END", ["END"])
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]


@ANSWERED_BY
def test_the_limit_of_tokens_ends_an_answer(gateway, anthropic_client, order, shown):
    gateway.control(order)
    answer = anthropic_client.messages.create(**{**HELLO, "max_tokens": 2})
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 2


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model(gateway, anthropic_client, stream):
    with pytest.raises(anthropic.NotFoundError) as caught:
        anthropic_client.messages.create(**{**HELLO, "model": "no-such-model"}, stream=stream)
    body = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
    assert "no-such-model" in body["error"]["message"]
    assert gateway.asked() == (0, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_both_down(gateway, anthropic_client, stream):
    gateway.control("openai/down")
    gateway.control("anthropic/down?status=529")
    with pytest.raises(anthropic.APIStatusError) as caught:
        anthropic_client.messages.create(**HELLO, stream=stream)
    error = caught.value
    assert error.status_code in (503, 529)
    assert error.body["type"] == "error"
    assert error.body["error"]["type"] == "overloaded_error"
    assert "verloaded" in error.body["error"]["message"]
    assert gateway.asked() == (1, 1)


def test_the_models(gateway, anthropic_client):
    models = list(anthropic_client.models.list())
    assert [(model.id, model.type) for model in models] == [("gpt-4", "model")]
    assert anthropic_client.models.retrieve("gpt-4").id == "gpt-4"
    with pytest.raises(anthropic.NotFoundError) as caught:
        anthropic_client.models.retrieve("no-such-model")
    assert caught.value.body["error"]["type"] == "not_found_error"
    assert gateway.asked() == (0, 0)
