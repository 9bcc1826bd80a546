//! The table, by theme.

mod budget_modes;
mod budgets;
mod connections;
mod counting;
mod endpoints;
mod fallback;
mod golden;
mod hostile;
mod identity;
mod inexpressible;
mod jwt_authn;
mod key_sets;
mod limits;
mod plain;
mod process;
mod spoofing;
mod streams;
mod tls;
mod trailers;

use crate::row::Row;
use crate::shape::Shape;

/// Both filters, everything they need: each way of fallback.
const HELD: &[Shape] = &[Shape::Groups, Shape::Priorities];
/// Both filters, with and without held headers.
const BOTH: &[Shape] = &[Shape::Groups, Shape::Priorities, Shape::NotHeld];
/// Wherever ai-provider is installed.
const WITH_PROVIDER: &[Shape] = &[Shape::Groups, Shape::Priorities, Shape::NotHeld, Shape::ProviderAlone];
/// Wherever ai-gateway is installed.
const WITH_GATEWAY: &[Shape] =
    &[Shape::Groups, Shape::Priorities, Shape::NotHeld, Shape::GatewayAlone, Shape::GatewayAloneNotHeld];
/// ai-gateway alone.
const GATEWAY_ALONE: &[Shape] = &[Shape::GatewayAlone, Shape::GatewayAloneNotHeld];
/// ai-provider alone.
const PROVIDER_ALONE: &[Shape] = &[Shape::ProviderAlone];
/// Every deployment of the example.
const EVERYWHERE: &[Shape] = &[
    Shape::Groups,
    Shape::Priorities,
    Shape::NotHeld,
    Shape::GatewayAlone,
    Shape::GatewayAloneNotHeld,
    Shape::ProviderAlone,
];

/// The rows of one shape: those that name it, or the one that it is like.
pub fn of(shape: Shape) -> Vec<Row> {
    all().into_iter().filter(|row| row.shapes.contains(&shape.like())).collect()
}

/// Every row.
pub fn all() -> Vec<Row> {
    [
        plain::rows(),
        endpoints::rows(),
        fallback::rows(),
        inexpressible::rows(),
        streams::rows(),
        golden::rows(),
        limits::rows(),
        hostile::rows(),
        spoofing::rows(),
        connections::rows(),
        counting::rows(),
        identity::rows(),
        jwt_authn::rows(),
        key_sets::rows(),
        budgets::rows(),
        budget_modes::rows(),
        tls::rows(),
        trailers::rows(),
        process::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
