//! Scripted providers: real servers that speak and enforce the OpenAI and Anthropic APIs.
