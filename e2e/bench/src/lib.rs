//! What the filters cost, beside a bare Envoy in the same run.
