"""Tool calls through OpenAI's SDK: untouched on the way to OpenAI and back, and never dropped on the way elsewhere."""

import json

import openai
import pytest

from own_provider import events, whole

MESSAGES = [{"role": "user", "content": "What is the weather in Zürich?"}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather in a place.",
            "parameters": {
                "type": "object",
                "properties": {"place": {"type": "string"}},
                "required": ["place"],
                "additionalProperties": False,
            },
        },
    }
]
ARGUMENTS = '{"place":"Zürich"}'


def test_the_tools_reach_openai_as_they_were_sent(gateway, client):
    choice = {"type": "function", "function": {"name": "weather"}}
    client.chat.completions.create(model="gpt-4", messages=MESSAGES, tools=TOOLS, tool_choice=choice)
    [request] = gateway.seen()["openai"]
    assert request["body"] == {"model": "gpt-4", "messages": MESSAGES, "tools": TOOLS, "tool_choice": choice}


def test_a_call_and_its_result(own, own_client):
    _, first, _ = own
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}}
    message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
    first.reply = completion(message, "tool_calls")
    answer = own_client.chat.completions.create(model="gpt-4", messages=MESSAGES, tools=TOOLS)
    assert (answer.model, answer.choices[0].finish_reason) == ("gpt-4", "tool_calls")
    [called] = answer.choices[0].message.tool_calls
    assert called.to_dict() == call

    first.reply = completion({"role": "assistant", "content": "Rain."}, "stop")
    result = {"role": "tool", "tool_call_id": called.id, "content": "rain"}
    turns = [*MESSAGES, {"role": "assistant", "tool_calls": [called.to_dict()]}, result]
    answer = own_client.chat.completions.create(model="gpt-4", messages=turns, tools=TOOLS)
    assert answer.choices[0].message.content == "Rain."
    assert [request["messages"] for request in first.requests] == [MESSAGES, turns]


def test_a_streamed_call(own, own_client):
    _, first, second = own
    function = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    halves = [{"index": 0, "function": {"arguments": half}} for half in (ARGUMENTS[:7], ARGUMENTS[7:])]
    first.reply = events(
        chunk({"role": "assistant", "content": None, "tool_calls": [function]}),
        *(chunk({"tool_calls": [half]}) for half in halves),
        chunk({}, "tool_calls"),
        "data: [DONE]\n\n",
    )
    with own_client.chat.completions.stream(model="gpt-4", messages=MESSAGES, tools=TOOLS) as stream:
        answer = stream.get_final_completion()
    assert (answer.model, answer.choices[0].finish_reason) == ("gpt-4", "tool_calls")
    [called] = answer.choices[0].message.tool_calls
    assert (called.id, called.function.name, called.function.arguments) == ("call_1", "weather", ARGUMENTS)
    assert (len(first.requests), len(second.requests)) == (1, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_without_tools_is_not_asked_the_half_of_it(gateway, client, stream):
    gateway.control("openai/down")
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="gpt-4", messages=MESSAGES, tools=TOOLS, stream=stream)
    assert caught.value.message
    assert gateway.asked() == (1, 0)


def completion(message, finish_reason):
    """OpenAI's whole answer, under the model's own name."""
    return whole(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4-0613",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }
    )


def chunk(delta, finish_reason=None):
    """One event of OpenAI's stream, under the model's own name."""
    data = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4-0613",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
    }
    return f"data: {json.dumps(data)}\n\n"
