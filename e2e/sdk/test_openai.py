"""OpenAI's SDK on a gateway whose first provider answers: whole answers, streams, options, models, refusals."""

import openai
import pytest

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]


def test_a_whole_answer(gateway, client):
    answer = client.chat.completions.create(model="gpt-4", messages=HELLO)
    assert answer.object == "chat.completion"
    assert answer.model == "gpt-4", "what was asked for, not the snapshot that answered"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content.endswith("you said Hello")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer._request_id
    assert gateway.asked() == (1, 0)


def test_the_request_arrives_as_it_was_sent(gateway, client):
    sent = {
        "model": "gpt-4",
        "messages": [*HELLO, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "And now? ünïcode 🙂"}],
        "stop": ["END", "\n\n"],
        "temperature": 0.25,
        "max_tokens": 64,
        "seed": 7,
        "user": "somebody",
    }
    answer = client.chat.completions.create(**sent)
    assert answer.choices[0].message.content.endswith("And now? ünïcode 🙂")
    [request] = gateway.seen()["openai"]
    assert request["body"] == sent
    assert request["path"] == "/v1/chat/completions"


def test_the_limit_of_tokens_ends_an_answer(client):
    answer = client.chat.completions.create(model="gpt-4", messages=HELLO, max_tokens=2)
    assert (answer.model, answer.choices[0].finish_reason) == ("gpt-4", "length")
    assert answer.usage.completion_tokens == 2


def test_a_stream(gateway, client):
    with client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True) as stream:
        chunks = list(stream)
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk.model for chunk in chunks} == {"gpt-4"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
    assert len(texts) > 1, "it came in pieces"
    assert "".join(texts).endswith("you said Hello")
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks), "nobody asked for it"
    assert gateway.asked() == (1, 0)


def test_a_stream_with_usage_has_it_in_the_last_chunk(client):
    with client.chat.completions.create(
        model="gpt-4", messages=HELLO, stream=True, stream_options={"include_usage": True}
    ) as stream:
        *chunks, last = stream
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert last.choices == []
    assert last.model == "gpt-4"
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0


def test_the_stream_helper_puts_the_answer_together(client):
    with client.chat.completions.stream(
        model="gpt-4", messages=HELLO, stream_options={"include_usage": True}
    ) as stream:
        events = list(stream)
        answer = stream.get_final_completion()
    deltas = "".join(event.delta for event in events if event.type == "content.delta")
    [done] = [event for event in events if event.type == "content.done"]
    assert deltas == done.content == answer.choices[0].message.content
    assert deltas.endswith("you said Hello")
    assert (answer.model, answer.choices[0].finish_reason) == ("gpt-4", "stop")
    assert answer.usage.total_tokens > 0


def test_the_headers_say_who_answered(client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-4", messages=HELLO)
    shown = {name: raw.headers[name] for name in ("content-type", "x-ai-provider", "x-ai-model", "x-ai-attempts")}
    assert shown == {
        "content-type": "application/json",
        "x-ai-provider": "openai",
        "x-ai-model": "gpt-4",
        "x-ai-attempts": "1",
    }
    assert int(raw.headers["content-length"]) == len(raw.content)
    assert raw.parse().model == "gpt-4"


def test_the_models(gateway, client):
    assert [model.id for model in client.models.list()] == ["gpt-4"]
    model = client.models.retrieve("gpt-4")
    assert (model.id, model.object) == ("gpt-4", "model")
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"
    assert gateway.asked() == (0, 0), "the configuration answers"


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model(gateway, client, stream):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="no-such-model", messages=HELLO, stream=stream)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert caught.value.type == "invalid_request_error"
    assert "no-such-model" in caught.value.message
    assert "gpt-4" not in caught.value.message, "what there is is not told"
    assert gateway.asked() == (0, 0)


def test_what_the_provider_refuses_is_refused_in_its_words(gateway, client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-4", messages=HELLO, temperature=3)
    assert (caught.value.param, caught.value.code) == ("temperature", "decimal_above_max_value")
    assert caught.value.type == "invalid_request_error"
    assert gateway.asked() == (1, 0), "another provider could only hide it"


def test_a_body_that_is_none_is_refused_by_the_gateway(gateway, client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/chat/completions", body=["no", "object"], cast_to=object)
    assert caught.value.type == "invalid_request_error"
    assert gateway.asked() == (0, 0)


def test_an_endpoint_that_is_not_served(gateway, client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.embeddings.create(model="gpt-4", input="Hello")
    assert caught.value.code == "unknown_endpoint"
    assert gateway.asked() == (0, 0)
