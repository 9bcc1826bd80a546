"""The beginnings of streams that break, in either API's words, and what the SDKs raise when a connection does."""

from own_provider import whole

# The beginning of an answer, up to its first words, as each API streams it.
OPENAI_BEGINS = (
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4-0613","choices":'
    '[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n',
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4-0613","choices":'
    '[{"index":0,"delta":{"content":"Once upon"},"finish_reason":null}]}\n\n',
)
ANTHROPIC_BEGINS = (
    'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    '"model":"claude-3-opus-20240229","content":[],"stop_reason":null,"stop_sequence":null,'
    '"usage":{"input_tokens":3,"output_tokens":1}}}\n\n',
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    '"delta":{"type":"text_delta","text":"Once upon"}}\n\n',
)
# The same failure in the middle of a stream, in each API's words.
OPENAI_FAILS = 'data: {"error":{"message":"It broke.","type":"server_error","param":null,"code":null}}\n\n'
ANTHROPIC_FAILS = 'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"It broke."}}\n\n'

_DOWN = whole({"error": {"message": "Down.", "type": "server_error", "param": None, "code": None}}, status=503)


def script(own, answering, openai_says, anthropic_says):
    """Lets one of the two answer, OpenAI be down where it is the other. Returns the one that answers."""
    _, first, second = own
    first.reply = openai_says if answering == "openai" else _DOWN
    second.reply = anthropic_says
    return first if answering == "openai" else second


def transport_errors(sdk):
    """What an SDK raises when the connection breaks in a stream: its own error, or that of its HTTP library."""
    try:
        import httpx2 as http
    except ImportError:
        import httpx as http
    return (sdk.APIConnectionError, http.TransportError)
