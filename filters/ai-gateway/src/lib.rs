//! The ai-gateway filter as a proxy-wasm module.

host_proxy_wasm::export!(host_proxy_wasm::GatewayFilter);
