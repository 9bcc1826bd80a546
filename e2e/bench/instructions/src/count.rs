//! One configuration after the other: requests through the filters, in the order in which Envoy calls.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use ai_filters::render::{Filters as Standing, gateway_config, provider_configs};
use bench::Error;
use bench::load::Client;
use bench::stand::{self, BuiltFilters};
use bench::upstream;
use bench::variant::Variant;
use bench::wire::Message;
use bench::workload::Workload;
use clap::Parser;
use corpora::Random;
use lab::Failure;
use lab::http::Reply;
use mock_llm::ProviderKind;

use crate::guest::{Action, Filter, Guest, Spent};
use crate::host::{Exchange, Map};

/// Requests before those that count: a statistic is named when it is first used, and calibration learns from the first ones.
const WARM_UP: usize = 64;
/// Requests that count. Their bodies differ, and so do their numbers, a little.
const COUNTED: usize = 64;

/// Counts the WebAssembly instructions and host calls of a request.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// The rows to count.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Workload::Json, Workload::LargeJson, Workload::Unpaced])]
    pub(crate) rows: Vec<Workload>,
    /// The configurations to count; those without filters have nothing to count.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Variant::ALL)]
    pub(crate) variants: Vec<Variant>,
    /// Also tells in which callbacks.
    #[arg(long)]
    pub(crate) callbacks: bool,
}

/// What was counted of one configuration in one row, for each request.
#[derive(Clone, Debug)]
pub(crate) struct Count {
    /// The row.
    pub(crate) workload: Workload,
    /// The configuration.
    pub(crate) variant: Variant,
    /// ai-gateway's share.
    pub(crate) gateway: Spent,
    /// ai-provider's share.
    pub(crate) provider: Spent,
    /// ai-gateway's share by its callbacks, and ai-provider's.
    pub(crate) callbacks: [BTreeMap<String, Spent>; 2],
}

/// Counts all that the options ask for, row by row. `progress` is told what begins.
///
/// # Errors
/// When a filter does not start, traps, or does something that no Envoy would let pass; when the scripted provider refuses a request.
pub(crate) async fn count(
    options: &Options,
    built: &BuiltFilters,
    mut progress: impl FnMut(&str),
) -> Result<Vec<Count>, Error> {
    let filters = Filters {
        gateway: Filter::compile(&built.gateway)?,
        provider: Filter::compile(&built.provider)?,
        built,
    };
    let mut counts = Vec::new();
    for workload in Workload::ALL.into_iter().filter(|row| options.rows.contains(row)) {
        let variants = Variant::ALL.into_iter().filter(|variant| {
            options.variants.contains(variant) && variant.is_in(workload) && !variant.is_bare()
        });
        for variant in variants {
            progress(&format!("{}: {}", workload.name(), variant.name()));
            counts.push(one(variant, workload, &filters).await?);
        }
    }
    Ok(counts)
}

/// Both filters, compiled.
struct Filters<'a> {
    gateway: Filter,
    provider: Filter,
    built: &'a BuiltFilters,
}

async fn one(variant: Variant, workload: Workload, filters: &Filters<'_>) -> Result<Count, Error> {
    let recorded = upstream::record(variant, workload).await?;
    let client = Client::of(variant, workload);
    // Nothing is sent anywhere: the address only has to look like one.
    let router = stand::router(variant, ([127, 0, 0, 1], 1).into(), filters.built)
        .map_err(|problem| Failure::new(problem.to_string(), "this is the bench's own mistake"))?;
    let (with_gateway, with_provider) = match variant.filters() {
        Standing::Both => (true, true),
        Standing::GatewayOnly => (true, false),
        Standing::ProviderOnly => (false, true),
        Standing::Neither => (false, false),
    };
    let keys = [
        ("OPENAI_API_KEY", ProviderKind::OpenAi.default_key()),
        ("ANTHROPIC_API_KEY", ProviderKind::Anthropic.default_key()),
    ];
    let gateway = || Guest::start(&filters.gateway, &gateway_config(&router), &[]);
    let provider = |config: &String| Guest::start(&filters.provider, config, &keys);
    let configs = provider_configs(&router);
    let mut chain = Chain {
        gateway: with_gateway.then(gateway).transpose()?,
        provider: configs.first().filter(|_| with_provider).map(provider).transpose()?,
    };
    let mut random = Random::new(1);
    let mut count = Count {
        workload,
        variant,
        gateway: Spent::default(),
        provider: Spent::default(),
        callbacks: Default::default(),
    };
    for number in 0..WARM_UP + COUNTED {
        let before = chain.spent();
        if number == WARM_UP {
            chain.callbacks();
        }
        let head =
            chain.converse(&client.request(&mut random), &recorded[number % recorded.len()], workload)?;
        let (head, body) = head;
        client
            .expected()
            .check(&Message { head: &head, body: &body, reads: 1 })
            .map_err(|wrong| Error::Wrong { variant: variant.name(), workload: workload.name(), wrong })?;
        if number >= WARM_UP {
            let after = chain.spent();
            count.gateway += after.0.since(before.0);
            count.provider += after.1.since(before.1);
        }
    }
    count.callbacks = chain.callbacks();
    for spent in count.callbacks.iter_mut().flat_map(BTreeMap::values_mut) {
        *spent /= COUNTED as u64;
    }
    count.gateway /= COUNTED as u64;
    count.provider /= COUNTED as u64;
    Ok(count)
}

/// The filters in their places.
struct Chain {
    gateway: Option<Guest>,
    provider: Option<Guest>,
}

impl Chain {
    fn callbacks(&mut self) -> [BTreeMap<String, Spent>; 2] {
        [&mut self.gateway, &mut self.provider]
            .map(|guest| guest.as_mut().map(Guest::callbacks).unwrap_or_default())
    }

    fn spent(&self) -> (Spent, Spent) {
        let spent = |guest: &Option<Guest>| guest.as_ref().map(Guest::spent).unwrap_or_default();
        (spent(&self.gateway), spent(&self.provider))
    }

    /// One request and its answer, in the order in which Envoy calls. What the client gets: a head and a body.
    fn converse(
        &mut self,
        request: &[u8],
        answer: &Reply,
        workload: Workload,
    ) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let exchange = Rc::new(RefCell::new(Exchange::of(request)));
        // A request passes ai-gateway first, an answer last.
        for guest in [&mut self.gateway, &mut self.provider].into_iter().flatten() {
            guest.begin(&exchange)?;
            guest.headers("proxy_on_request_headers")?;
            let size = exchange.borrow().bodies[0].len();
            if guest.body("proxy_on_request_body", size, true)? == Action::Pause {
                return Err(stuck(&exchange.borrow()));
            }
        }
        exchange.borrow_mut().maps[2] = headers_of(answer);
        let chunks = match workload {
            Workload::Json | Workload::LargeJson | Workload::Unpaced => vec![&*answer.body],
            Workload::Paced => upstream::events(&answer.body),
        };
        let mut filters: Vec<Answering<'_>> =
            [&mut self.provider, &mut self.gateway].into_iter().flatten().map(Answering::new).collect();
        let mut body = Vec::new();
        for (number, chunk) in chunks.iter().enumerate() {
            let last = number + 1 == chunks.len();
            let mut passing = Some(chunk.to_vec());
            for filter in &mut filters {
                passing = match passing {
                    Some(bytes) => filter.take(bytes, last, &exchange)?,
                    None => None,
                };
            }
            body.extend(passing.unwrap_or_default());
        }
        for (guest, logged) in [(&mut self.provider, false), (&mut self.gateway, true)] {
            if let Some(guest) = guest {
                guest.end(logged)?;
            }
        }
        let exchange = exchange.borrow();
        if exchange.responded.is_some() {
            return Err(stuck(&exchange));
        }
        Ok((exchange.head(), body))
    }
}

/// A filter on an answer's way.
struct Answering<'a> {
    guest: &'a mut Guest,
    begun: bool,
    /// What it wants to see again with what follows.
    held: Vec<u8>,
}

impl<'a> Answering<'a> {
    const fn new(guest: &'a mut Guest) -> Self {
        Self { guest, begun: false, held: Vec::new() }
    }

    /// What it lets pass of so much more of a body, or that it holds all of it.
    fn take(
        &mut self,
        bytes: Vec<u8>,
        last: bool,
        exchange: &Rc<RefCell<Exchange>>,
    ) -> Result<Option<Vec<u8>>, Error> {
        if !self.begun {
            self.guest.headers("proxy_on_response_headers")?;
            self.begun = true;
        }
        self.held.extend(bytes);
        let size = self.held.len();
        exchange.borrow_mut().bodies[1] = std::mem::take(&mut self.held);
        let action = self.guest.body("proxy_on_response_body", size, last)?;
        let body = std::mem::take(&mut exchange.borrow_mut().bodies[1]);
        match action {
            Action::Continue => Ok(Some(body)),
            Action::Pause => {
                self.held = body;
                Ok(None)
            }
        }
    }
}

fn headers_of(answer: &Reply) -> Map {
    let status = (b":status".to_vec(), answer.status.to_string().into_bytes());
    let headers = answer.headers.iter().filter(|(name, _)| *name != "transfer-encoding");
    let headers = headers.map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()));
    [status].into_iter().chain(headers).collect()
}

fn stuck(exchange: &Exchange) -> Error {
    let body = exchange.bodies[1].escape_ascii();
    Failure::new(
        format!("a filter answered {:?} itself: {body}", exchange.responded),
        "this is the bench's own mistake",
    )
    .into()
}
