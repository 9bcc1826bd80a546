//! What a client and a provider must see, row by row, through a real Envoy.
