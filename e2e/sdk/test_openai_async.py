"""OpenAI's asynchronous SDK: the same answers, and many streams at once that are not mixed up."""

import asyncio

import openai
import pytest

HELLO = [{"role": "user", "content": "Hello"}]
# Who answers, and what must happen to OpenAI for that.
ANSWERED_BY = pytest.mark.parametrize(("provider", "order"), [("openai", "openai/up"), ("anthropic", "openai/down")])
STREAMS = 20


@ANSWERED_BY
def test_a_whole_answer(gateway, async_client, provider, order):
    gateway.control(order)

    async def ask():
        async with async_client as client:
            return await client.chat.completions.with_raw_response.create(model="gpt-4", messages=HELLO)

    raw = asyncio.run(ask())
    answer = raw.parse()
    assert raw.headers["x-ai-provider"] == provider
    assert (answer.model, answer.choices[0].finish_reason) == ("gpt-4", "stop")
    assert answer.choices[0].message.content.endswith("you said Hello")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


@ANSWERED_BY
def test_the_stream_helper(gateway, async_client, provider, order):
    gateway.control(order)

    async def ask():
        async with async_client as client:
            async with client.chat.completions.stream(model="gpt-4", messages=HELLO) as stream:
                deltas = [event.delta async for event in stream if event.type == "content.delta"]
                return deltas, await stream.get_final_completion()

    deltas, answer = asyncio.run(ask())
    assert (answer.model, answer.choices[0].finish_reason) == ("gpt-4", "stop")
    assert "".join(deltas) == answer.choices[0].message.content
    assert answer.choices[0].message.content.endswith("you said Hello")
    assert len(gateway.seen()[provider]) == 1


@ANSWERED_BY
def test_many_streams_at_once_are_not_mixed_up(gateway, async_client, provider, order):
    gateway.control(order)
    begun = 0

    async def ask(client, number, everybody):
        nonlocal begun
        messages = [{"role": "user", "content": f"I am number {number} of many"}]
        # Each is a user: one alone may not have so many answers under way whose length nobody said.
        stream = await client.chat.completions.create(
            model="gpt-4",
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers={"x-user-id": f"one-of-many-{provider}-{number}"},
        )
        # Nobody reads before everybody's stream has begun: all of them are open at the same time.
        begun += 1
        if begun == STREAMS:
            everybody.set()
        await everybody.wait()
        return [chunk async for chunk in stream]

    async def ask_all():
        everybody = asyncio.Event()
        async with async_client as client:
            return await asyncio.gather(*(ask(client, number, everybody) for number in range(STREAMS)))

    ids = set()
    for number, chunks in enumerate(asyncio.run(ask_all())):
        [identity] = {chunk.id for chunk in chunks}
        ids.add(identity)
        assert {chunk.model for chunk in chunks} == {"gpt-4"}
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text.startswith("Answer ") and text.endswith(f": you said I am number {number} of many")
        assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
        assert chunks[-1].usage.completion_tokens > 0
    assert len(ids) == STREAMS
    assert len(gateway.seen()[provider]) == STREAMS


def test_errors(gateway, async_client):
    async def ask():
        async with async_client as client:
            with pytest.raises(openai.NotFoundError) as unknown:
                await client.chat.completions.create(model="no-such-model", messages=HELLO)
            gateway.control("openai/down")
            gateway.control("anthropic/down?status=529")
            with pytest.raises(openai.InternalServerError) as down:
                await client.chat.completions.create(model="gpt-4", messages=HELLO, stream=True)
            return unknown.value, down.value

    unknown, down = asyncio.run(ask())
    assert unknown.code == "model_not_found"
    assert "verloaded" in down.message
    assert gateway.asked() == (1, 1), "the unknown model went nowhere, the known one everywhere"


def test_the_models(gateway, async_client):
    async def ask():
        async with async_client as client:
            return [model.id async for model in client.models.list()]

    assert asyncio.run(ask()) == ["gpt-4"]
    assert gateway.asked() == (0, 0)
