//! One LLM API's requests, answers, streams and errors in terms of another's.
