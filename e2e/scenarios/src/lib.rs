//! What a client and a provider must see, row by row, through a real Envoy.
//!
//! A [`row::Row`] says what a client sends, what the scripted providers answer, and what both sides must see. [`rows::all`] is the table.
//! Each row runs against every [`shape::Shape`] of deployment that it names; a shape's Envoy is started once and serves its rows one after
//! the other. Whatever a row is about, it also fails when anything leaks to a provider, when a secret comes back to a client, when a filter
//! crashes, or when a scripted answer was never asked for.
//!
//! Absent on purpose: any knowledge of the filters' code. Rows know HTTP, both APIs, and what the documentation promises.

pub mod answer;
pub mod canary;
pub mod client;
pub mod compose;
pub mod expect;
pub mod fleet;
pub mod gateways;
pub mod identities;
pub mod problems;
pub mod proof;
pub mod request;
pub mod row;
pub mod rows;
pub mod run;
pub mod seen;
pub mod shape;
pub mod shared;
pub mod sse;
pub mod stack;
pub mod stand;
