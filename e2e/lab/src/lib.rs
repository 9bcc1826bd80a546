//! A local stand: a pinned Envoy, the filters, and the scripted or real providers.
