"""OpenAI's SDK while OpenAI is down: Anthropic answers, and the client cannot tell; while both are, the error is clear."""

import openai
import pytest

HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]

@pytest.fixture(params=["openai/down", "openai/down?status=429", "openai/refuse"])
def without_openai(request, gateway):
    """The gateway while OpenAI fails: says so, limits, or refuses connections. The latter leaves no trace there."""
    gateway.control(request.param)
    return gateway


def test_a_whole_answer(without_openai, client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-4", messages=HELLO)
    answer = raw.parse()
    assert (answer.object, answer.model) == ("chat.completion", "gpt-4")
    assert answer.id.startswith("chatcmpl-")
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content.endswith("you said Hello")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer._request_id
    shown = [raw.headers[name] for name in ("x-ai-provider", "x-ai-model", "x-ai-attempts")]
    assert shown == ["anthropic", "claude-3-opus", "2"]
    assert without_openai.asked()[1] == 1


def test_a_stream(without_openai, client):
    with client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True) as stream:
        chunks = list(stream)
    assert {(chunk.object, chunk.model) for chunk in chunks} == {("chat.completion.chunk", "gpt-4")}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
    assert len(texts) > 1, "it came in pieces"
    assert "".join(texts).endswith("you said Hello")
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks), "nobody asked for it"
    assert without_openai.asked()[1] == 1


def test_a_stream_with_usage(without_openai, client):
    with client.chat.completions.create(
        model="gpt-4", messages=HELLO, stream=True, stream_options={"include_usage": True}
    ) as stream:
        *chunks, last = stream
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0


def test_the_stream_helper(without_openai, client):
    with client.chat.completions.stream(model="gpt-4", messages=HELLO) as stream:
        deltas = "".join(event.delta for event in stream if event.type == "content.delta")
        answer = stream.get_final_completion()
    assert deltas == answer.choices[0].message.content
    assert deltas.endswith("you said Hello")
    assert (answer.model, answer.choices[0].finish_reason) == ("gpt-4", "stop")


def test_the_request_is_translated(gateway, client):
    gateway.control("openai/down")
    turns = [*HELLO, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "And now?"}]
    client.chat.completions.create(model="gpt-4", messages=turns, stop=["END"], temperature=0.25, max_tokens=64)
    [request] = gateway.seen()["anthropic"]
    body = request["body"]
    assert request["path"] == "/v1/messages"
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("claude-3-opus", 64, 0.25)
    assert body["stop_sequences"] == ["END"]
    assert "Be brief." in str(body["system"])
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]


def test_the_limit_of_tokens_ends_an_answer(gateway, client):
    gateway.control("openai/down")
    answer = client.chat.completions.create(model="gpt-4", messages=HELLO, max_tokens=2)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 2


def test_a_limit_that_is_not_given_is_added(gateway, client):
    gateway.control("openai/down")
    client.chat.completions.create(model="gpt-4", messages=HELLO)
    [request] = gateway.seen()["anthropic"]
    assert request["body"]["max_tokens"] > 0, "Anthropic's API demands one"


@pytest.mark.parametrize("stream", [False, True])
def test_both_down(gateway, client, stream):
    gateway.control("openai/down")
    gateway.control("anthropic/down?status=529")
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="gpt-4", messages=HELLO, stream=stream)
    error = caught.value
    assert (error.status_code, error.type) == (503, "server_error"), "OpenAI's API has no 529"
    assert set(error.body) == {"message", "type", "param", "code"}
    assert "Overloaded" in error.message, "what the last one said"
    assert "x-ai-original-status" not in error.response.headers, "that is between the filters"
    assert gateway.asked() == (1, 1)


@pytest.mark.parametrize("stream", [False, True])
def test_both_unreachable(gateway, client, stream):
    gateway.control("openai/refuse")
    gateway.control("anthropic/refuse")
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="gpt-4", messages=HELLO, stream=stream)
    error = caught.value
    assert (error.status_code, error.code) == (503, "provider_unavailable")
    assert error.message
    assert "127.0.0.1" not in str(error), "where providers are is not the client's to know"


def test_both_limit(gateway, client):
    gateway.control("openai/down?status=429")
    gateway.control("anthropic/down?status=429")
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="gpt-4", messages=HELLO)
    assert "ate limit" in caught.value.message
    assert gateway.asked() == (1, 1)


@pytest.mark.parametrize(("recovering", "asked"), [("openai", (2, 1)), ("anthropic", (2, 2))])
def test_the_sdks_own_retry_succeeds_once_a_provider_recovers(gateway, client, recovering, asked):
    gateway.control("openai/down")
    gateway.control("anthropic/down?status=529")
    statuses = []

    def recover(response):
        statuses.append(response.status_code)
        gateway.control(f"{recovering}/up")

    hooked = openai.DefaultHttpxClient(event_hooks={"response": [recover]})
    with client.with_options(max_retries=1, http_client=hooked) as retrying:
        answer = retrying.chat.completions.create(model="gpt-4", messages=HELLO)
    assert answer.choices[0].message.content.endswith("you said Hello")
    assert len(statuses) == 2 and statuses[0] >= 500 and statuses[1] == 200
    assert gateway.asked() == asked
