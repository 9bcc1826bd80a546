//! The command-line tool: renders Envoy configuration and documents the filters' own.
