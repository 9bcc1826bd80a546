//! The state tables: what every event does in every state, seen from outside.
//!
//! A state is reached by the events before it. A row says what the client is sent because of one more event, and how the stream has ended
//! if the provider closes right after it.

use llm_api::Dialect;
use translate::End::{self, Broken, Complete};

use crate::translator;

/// The names of what a client was sent: the kinds of a dialect's events, in order.
fn sent(client: Dialect, out: &[u8]) -> String {
    let out = std::str::from_utf8(out).expect("UTF-8");
    let kind = |event: &str| match client {
        Dialect::Anthropic => {
            event.strip_prefix("event: ").and_then(|rest| rest.split('\n').next()).expect("a name").to_owned()
        }
        Dialect::OpenAi => {
            let data = event.strip_prefix("data: ").expect("data");
            let has = |part: &str| data.contains(part);
            match () {
                () if data == "[DONE]" => "done",
                () if has("\"error\":") => "error",
                () if has("\"role\":") => "role",
                () if has("\"tool_calls\":") => "tool",
                () if has("\"reasoning_content\":") => "thinking",
                () if has("\"content\":") => "text",
                () if has("\"choices\":[]") => "usage",
                () if has("\"delta\":{}") => "finish",
                () => panic!("unknown chunk: {data}"),
            }
            .to_owned()
        }
    };
    out.split_terminator("\n\n").map(kind).collect::<Vec<_>>().join(" ")
}

/// What the event does after the events before it, and the end that follows if the provider closes then.
fn effect(provider: Dialect, before: &[&str], event: &str) -> (String, End) {
    let mut translator = translator(provider, true);
    let mut out = Vec::new();
    for event in before {
        translator.push(event.as_bytes(), &mut out);
    }
    out.clear();
    translator.push(event.as_bytes(), &mut out);
    let sent = sent(crate::other(provider), &out);
    (sent, translator.finish(&mut Vec::new()))
}

fn check(provider: Dialect, states: &[(&str, &[&str])], events: &[(&str, &str)], table: &[&[(&str, End)]]) {
    assert_eq!(table.len(), events.len());
    for ((event_name, event), row) in events.iter().zip(table) {
        assert_eq!(row.len(), states.len(), "{event_name}");
        for ((state_name, before), (expected, end)) in states.iter().zip(*row) {
            let actual = effect(provider, before, event);
            assert_eq!(actual, ((*expected).to_owned(), *end), "{event_name} in {state_name}");
        }
    }
}

const START: &str =
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":3}}}\n\n";
const BLOCK: &str = "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
const TEXT: &str = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"t\"}}\n\n";
const THINKING: &str = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"t\"}}\n\n";
const SIGNATURE: &str = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"s\"}}\n\n";
const TOOL: &str = "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"n\",\"input\":{}}}\n\n";
const TOOL_INPUT: &str = "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n";
const STOP: &str = "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n";
const REASON: &str = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n";
const NO_REASON: &str = "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":2}}\n\n";
const MESSAGE_STOP: &str = "data: {\"type\":\"message_stop\"}\n\n";
const PING: &str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
const UNKNOWN: &str = "data: {\"type\":\"news\"}\n\n";
const SERVER_TOOL: &str = "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"n\",\"input\":{}}}\n\n";
const CITATION: &str = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"citations_delta\",\"citation\":{}}}\n\n";
const ERROR: &str =
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}\n\n";
const UNREADABLE_ERROR: &str = "event: error\ndata: oh no\n\n";
const UNTYPED_ERROR: &str =
    "event: error\ndata: {\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n";
const MALFORMED: &str = "data: {\"type\":\"content_block_delta\"}\n\n";

#[test]
#[rustfmt::skip]
fn anthropic_to_openai() {
    let states: &[(&str, &[&str])] = &[
        ("AwaitingStart", &[]),
        ("Answering", &[START, BLOCK]),
        ("Answering, in a tool's call", &[START, TOOL]),
        ("AwaitingStop", &[START, BLOCK, TEXT, REASON]),
        ("Ended(Complete)", &[START, REASON, MESSAGE_STOP]),
        ("Ended(Broken)", &[START, ERROR]),
    ];
    let events = [
        ("message_start", START), ("content_block_start of text", BLOCK), ("text_delta", TEXT),
        ("thinking_delta", THINKING), ("signature_delta", SIGNATURE), ("content_block_start of a tool", TOOL),
        ("input_json_delta", TOOL_INPUT), ("content_block_stop", STOP), ("message_delta", REASON),
        ("message_delta without a reason", NO_REASON), ("message_stop", MESSAGE_STOP), ("ping", PING),
        ("an unknown event", UNKNOWN), ("a server's tool", SERVER_TOOL), ("a citation", CITATION), ("error", ERROR),
        ("an error that cannot be read", UNREADABLE_ERROR), ("an error by name alone", UNTYPED_ERROR),
        ("a malformed event", MALFORMED),
    ];
    let broken = ("", Broken);
    let whole = ("", Complete);
    check(Dialect::Anthropic, states, &events, &[
        // AwaitingStart       Answering           in a tool's call    AwaitingStop          Complete Broken
        &[("role", Broken),    broken,             broken,             broken,               whole, broken],
        &[("role", Broken),    broken,             broken,             broken,               whole, broken],
        &[("role text", Broken), ("text", Broken), ("text", Broken),   ("text", Broken),     whole, broken],
        &[("role thinking", Broken), ("thinking", Broken), ("thinking", Broken), ("thinking", Broken), whole, broken],
        &[broken,              broken,             broken,             broken,               whole, broken],
        &[("role tool", Broken), ("tool", Broken), ("tool", Broken),   ("tool", Broken),     whole, broken],
        &[("role error", Broken), ("error", Broken), ("tool", Broken), ("error", Broken),    whole, broken],
        &[("role", Broken),    broken,             ("tool", Broken),   broken,               whole, broken],
        &[("role", Broken),    broken,             broken,             broken,               whole, broken],
        &[("role", Broken),    broken,             broken,             broken,               whole, broken],
        &[("error", Broken),   ("finish usage done", Complete), ("tool finish usage done", Complete), ("finish usage done", Complete), whole, broken],
        &[broken,              broken,             broken,             broken,               whole, broken],
        &[broken,              broken,             broken,             broken,               whole, broken],
        &[("error", Broken),   ("error", Broken),  ("error", Broken),  ("error", Broken),    whole, broken],
        &[broken,              broken,             broken,             broken,               whole, broken],
        &[("error", Broken),   ("error", Broken),  ("error", Broken),  ("error", Broken),    whole, broken],
        &[("error", Broken),   ("error", Broken),  ("error", Broken),  ("error", Broken),    whole, broken],
        &[("error", Broken),   ("error", Broken),  ("error", Broken),  ("error", Broken),    whole, broken],
        &[broken,              broken,             broken,             broken,               whole, broken],
    ]);
}

const ROLE: &str = "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"t\"}}]}\n\n";
const REASONING: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"t\"}}]}\n\n";
const REFUSAL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"t\"}}]}\n\n";
const CALL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"i\",\"type\":\"function\",\"function\":{\"name\":\"n\",\"arguments\":\"\"}}]}}]}\n\n";
const ARGUMENTS: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}}]}\n\n";
const BAD_CALL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":-1}]}}]}\n\n";
const OLD_CALL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"function_call\":{\"name\":\"n\",\"arguments\":\"{}\"}}}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n";
const OTHER_CHOICE: &str = "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"t\"}}]}\n\n";
const CHUNK_ERROR: &str = "data: {\"error\":{\"message\":\"m\"},\"choices\":null}\n\n";
const NAMED_ERROR: &str = "event: error\ndata: {\"message\":\"m\"}\n\n";
const BARE_ERROR: &str = "data: {\"error\":\"m\"}\n\n";
const OLD_ERROR: &str = "data: {\"object\":\"error\",\"message\":\"m\",\"code\":500}\n\n";
const NO_REASON_YET: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"\"}]}\n\n";
const NO_ERROR: &str = "data: {\"error\": { },\"choices\":[]}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const BAD_CHUNK: &str = "data: {\"choices\":[{\"delta\":\n\n";

#[test]
#[rustfmt::skip]
fn openai_to_anthropic() {
    let states: &[(&str, &[&str])] = &[
        ("AwaitingStart", &[]),
        ("Answering", &[ROLE]),
        ("Answering, in text", &[ROLE, CONTENT]),
        ("Answering, in a call", &[ROLE, CALL]),
        ("AwaitingDone", &[ROLE, CONTENT, FINISH]),
        ("Ended(Complete)", &[ROLE, FINISH, DONE]),
        ("Ended(Broken)", &[ROLE, CHUNK_ERROR]),
    ];
    let events = [
        ("role", ROLE), ("content", CONTENT), ("reasoning", REASONING), ("refusal", REFUSAL), ("a call", CALL),
        ("arguments", ARGUMENTS), ("a malformed call", BAD_CALL), ("a function call", OLD_CALL), ("finish", FINISH),
        ("usage", USAGE), ("another choice", OTHER_CHOICE), ("an error", CHUNK_ERROR), ("a named error", NAMED_ERROR),
        ("a bare error", BARE_ERROR), ("an old error", OLD_ERROR), ("an empty error", NO_ERROR),
        ("an empty reason", NO_REASON_YET), ("done", DONE), ("a malformed chunk", BAD_CHUNK),
    ];
    let broken = ("", Broken);
    let whole = ("", Complete);
    let start = "content_block_start";
    let delta = "content_block_delta";
    let stop = "content_block_stop";
    let open = &*format!("{start} {delta}");
    let first = &*format!("message_start {open}");
    let change = &*format!("{stop} {open}");
    let finish = "message_delta message_stop";
    let close = &*format!("{stop} {finish}");
    let error = ("error", Broken);
    let new_call = &*format!("{stop} {start}");
    let first_call = &*format!("message_start {start}");
    let failed_first = ("message_start error", Broken);
    check(Dialect::OpenAi, states, &events, &[
        // AwaitingStart            Answering          in text            in a call          AwaitingDone       Complete Broken
        &[("message_start", Broken), broken,           broken,            broken,            broken,            whole, broken],
        &[(first, Broken),          (open, Broken),    (delta, Broken),   (change, Broken),  (delta, Broken),   whole, broken],
        &[(first, Broken),          (open, Broken),    (change, Broken),  (change, Broken),  (change, Broken),  whole, broken],
        &[(first, Broken),          (open, Broken),    (delta, Broken),   (change, Broken),  (delta, Broken),   whole, broken],
        &[(first_call, Broken),     (start, Broken),   (new_call, Broken), broken,           (new_call, Broken), whole, broken],
        &[("message_start", Broken), broken,           broken,            (delta, Broken),   broken,            whole, broken],
        &[failed_first,             error,             error,             error,             error,             whole, broken],
        &[("message_start", Broken), broken,           broken,            (delta, Broken),   broken,            whole, broken],
        &[("message_start", Broken), broken,           broken,            broken,            broken,            whole, broken],
        &[broken,                   broken,            broken,            broken,            broken,            whole, broken],
        &[broken,                   broken,            broken,            broken,            broken,            whole, broken],
        &[error,                    error,             error,             error,             error,             whole, broken],
        &[error,                    error,             error,             error,             error,             whole, broken],
        &[error,                    error,             error,             error,             error,             whole, broken],
        &[error,                    error,             error,             error,             error,             whole, broken],
        &[broken,                   broken,            broken,            broken,            broken,            whole, broken],
        &[("message_start", Broken), broken,           broken,            broken,            broken,            whole, broken],
        &[error,                    (finish, Complete), (close, Complete), (close, Complete), (close, Complete), whole, broken],
        &[broken,                   broken,            broken,            broken,            broken,            whole, broken],
    ]);
}

/// The reason that the client is given at the end of these events, and the provider's own word if there is one beside it.
fn reason(provider: Dialect, events: &[&str]) -> (String, Option<String>) {
    let (out, end, _) = crate::translate(provider, true, events.iter().map(|event| event.as_bytes()));
    assert_eq!(end, Complete);
    let out = String::from_utf8(out).expect("UTF-8");
    let value = |name: &str| {
        let (_, rest) = out.split_once(&format!("\"{name}\":\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let name = match provider {
        Dialect::Anthropic => "finish_reason",
        Dialect::OpenAi => "stop_reason",
    };
    (value(name).expect("a reason"), value("native_finish_reason"))
}

/// What comes between the reason and the end changes nothing about it, unless it is a later reason.
#[test]
fn the_last_reason_counts() {
    let anthropic = |events: &[&str]| reason(Dialect::Anthropic, events);
    let max_tokens = &REASON.replace("end_turn", "max_tokens");
    let news = &REASON.replace("end_turn", "news");
    let known = |name: &str| (name.to_owned(), None);
    let unknown = |name: &str| (name.to_owned(), Some("news".to_owned()));
    assert_eq!(anthropic(&[START, max_tokens, TEXT, NO_REASON, PING, START, MESSAGE_STOP]), known("length"));
    assert_eq!(anthropic(&[START, REASON, max_tokens, MESSAGE_STOP]), known("length"));
    assert_eq!(anthropic(&[START, max_tokens, news, MESSAGE_STOP]), unknown("stop"));
    assert_eq!(anthropic(&[START, TEXT, MESSAGE_STOP]), known("stop"));
    assert_eq!(anthropic(&[START, TOOL, MESSAGE_STOP]), known("tool_calls"));

    let openai = |events: &[&str]| reason(Dialect::OpenAi, events);
    let length = &FINISH.replace("\"stop\"", "\"length\"");
    let news = &FINISH.replace("\"stop\"", "\"news\"");
    assert_eq!(openai(&[ROLE, length, CONTENT, NO_REASON_YET, USAGE, DONE]), known("max_tokens"));
    assert_eq!(openai(&[ROLE, NO_REASON_YET, CONTENT, DONE]), known("end_turn"));
    assert_eq!(openai(&[ROLE, FINISH, length, DONE]), known("max_tokens"));
    assert_eq!(openai(&[ROLE, news, DONE]), unknown("end_turn"));
    assert_eq!(openai(&[ROLE, CALL, DONE]), known("tool_use"));
    // A refusal ends with `stop`; a refusal that was cut short is one that was cut short.
    assert_eq!(openai(&[ROLE, REFUSAL, FINISH, DONE]), known("refusal"));
    assert_eq!(openai(&[ROLE, REFUSAL, length, DONE]), known("max_tokens"));
}
