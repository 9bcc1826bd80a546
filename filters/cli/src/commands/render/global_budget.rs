//! `ai-filters render global-budget`: the example router with a budget that a whole fleet of Envoys shares.

use std::path::PathBuf;

use ai_filters::render::{GlobalBudget, LlmRouter, OnFailure, Problems, Refunds, service_config};
use clap::ValueEnum;
use serde_json::Value;

use super::{Failure, Options, write};

/// What may be said about the budget, beside everything that may be said about the router.
#[derive(clap::Args)]
pub(in crate::commands) struct BudgetOptions {
    #[command(flatten)]
    router: Options,
    /// Where to write the rate limit service's own file; it is not written without.
    #[arg(long, value_name = "FILE")]
    service_config: Option<PathBuf>,
    /// Tokens for each caller in each window: minute, hour or day. Repeatable; without any, the example's: `minute=10000`, `day=100000`.
    #[arg(long = "budget", value_name = "WINDOW=TOKENS")]
    budgets: Vec<String>,
    /// Where the rate limit service is reached by gRPC.
    #[arg(long, value_name = "HOST:PORT", default_value = "ratelimit:8081")]
    service: String,
    /// How long the service may take to answer. A request asks it once for each window.
    #[arg(long, value_name = "DURATION", default_value = "100ms")]
    service_timeout: String,
    /// What becomes of requests while the service does not answer.
    #[arg(long, value_name = "WHAT", default_value = "serve")]
    on_failure: OnFailureOption,
    /// The service can give tokens back. The released envoyproxy/ratelimit cannot: it would add them.
    #[arg(long)]
    negative_hits: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnFailureOption {
    /// They are served; `x-ai-global-budget: unchecked` says so.
    Serve,
    /// They are refused with 503.
    Refuse,
}

impl BudgetOptions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (router, budget) = self.inputs().map_err(|problems| Failure::Problems(problems.to_string()))?;
        write(self.router.output.as_deref(), &ai_filters::render::bootstrap(&router))?;
        match &self.service_config {
            Some(path) => write(Some(path), &service_config(&budget)),
            None => Ok(()),
        }
    }

    fn inputs(&self) -> Result<(LlmRouter, GlobalBudget), Problems> {
        let mut problems = Problems::default();
        let mut budget = GlobalBudget {
            on_failure: match self.on_failure {
                OnFailureOption::Serve => OnFailure::Serve,
                OnFailureOption::Refuse => OnFailure::Refuse,
            },
            refunds: if self.negative_hits { Refunds::NegativeHits } else { Refunds::None },
            ..GlobalBudget::default()
        };
        if let Some(service) = problems.take("--service", self.service.parse()) {
            budget.service = service;
        }
        if let Some(timeout) = problems.take("--service-timeout", self.service_timeout.parse()) {
            budget.timeout = timeout;
        }
        if !self.budgets.is_empty() {
            budget.budgets =
                self.budgets.iter().filter_map(|text| problems.take("--budget", text.parse())).collect();
            budget.budgets.sort_by_key(|one| one.window);
        }
        let mut router = self.router.values(&mut problems);
        router.counting.entry("mode").or_insert_with(|| Value::from("exact"));
        router.global_budget = Some(budget.clone());
        // Rules between values mean something only where every value was understood.
        if problems.is_empty() {
            router.check()?;
        }
        problems.or((router, budget))
    }
}
