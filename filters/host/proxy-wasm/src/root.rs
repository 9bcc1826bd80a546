//! The root context: takes the configuration, refuses a bad one, and makes a context for each stream.

use std::rc::Rc;

use identity::{FetchFailure, UnixSeconds};
use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel};
use seam::Clock as _;

use crate::abi;
use crate::fetch::{self, Sent};
use crate::filters::Filter;
use crate::memory::{Memory, Pages};
use crate::seed::{self, Seeds};
use crate::stream::{HostClock, Stream};

/// Registers the filter with the host. Called once per VM, by the module's entry point.
pub fn start<F: Filter>() {
    #[cfg(target_os = "wasi")]
    {
        #[expect(
            unsafe_code,
            reason = "the host runs no WASI start function; the C runtime's constructors are ours to call"
        )]
        unsafe extern "C" {
            fn __wasm_call_ctors();
        }
        #[expect(unsafe_code, reason = "see above; called exactly once, before anything else")]
        // SAFETY: the linker defines it for every WASI module, it takes and returns nothing, and nothing ran before it.
        unsafe {
            __wasm_call_ctors();
        }
    }
    proxy_wasm::set_root_context(|_| {
        Box::new(Root::<F> { configured: None, seeds: Seeds::default(), fetching: None })
    });
}

struct Root<F> {
    configured: Option<Rc<Configured<F>>>,
    seeds: Seeds,
    /// The fetch whose answer is awaited.
    fetching: Option<Sent>,
}

/// A filter whose configuration was accepted, and what it keeps beyond its streams.
pub(crate) struct Configured<F> {
    pub(crate) filter: F,
    pub(crate) memory: Memory,
}

/// How often what is due is asked for, in milliseconds: after a start, tokens wait this long for the first fetch of their keys.
const TICK: u32 = 250;

impl<F: Filter> Root<F> {
    /// Hands over what a fetch brought. That nothing did is worth a line; who answered what is not, for it may quote anything.
    fn fetched(&self, configured: &Configured<F>, answer: Result<&[u8], FetchFailure>) {
        if let Err(failure) = configured.filter.fetched(now(), answer) {
            let _ = hostcalls::log(LogLevel::Warn, &format!("identity: no new key set: {failure}"));
        }
    }
}

impl<F: Filter> Context for Root<F> {
    fn on_http_call_response(&mut self, number: u32, headers: usize, body_size: usize, _trailers: usize) {
        if !self.fetching.is_some_and(|sent| sent.is(number)) {
            return;
        }
        self.fetching = None;
        let answer = fetch::answer(headers, body_size);
        if let Some(configured) = &self.configured {
            self.fetched(configured, answer.as_deref().map_err(|failure| *failure));
        }
    }
}

impl<F: Filter> RootContext for Root<F> {
    fn on_configure(&mut self, size: usize) -> bool {
        let json = hostcalls::get_buffer(BufferType::PluginConfiguration, 0, size).ok().flatten();
        match F::configure(&json.unwrap_or_default(), seed::shared_secret()) {
            Ok(filter) => {
                let (memory, pages) = Memory::new(filter.catalogue());
                // Each worker is configured as well, and would repeat it.
                if let (Pages::Made, Some(summary)) = (pages, filter.summary()) {
                    let _ = hostcalls::log(LogLevel::Info, &summary);
                }
                if filter.fetches() {
                    // A host without a timer never fetches, and tokens are answered as before the first fetch.
                    let _ = abi::set_tick_period(TICK);
                }
                self.configured = Some(Rc::new(Configured { filter, memory }));
                true
            }
            Err(problems) => {
                let _ = hostcalls::log(LogLevel::Critical, &problems);
                false
            }
        }
    }

    // Not in `on_configure`: on the main thread Envoy's clusters may not be there yet.
    fn on_tick(&mut self) {
        let Some(configured) = self.configured.clone() else { return };
        let Some(from) = configured.filter.begin_fetch(now()) else { return };
        match fetch::send(from) {
            Ok(sent) => self.fetching = Some(sent),
            Err(failure) => self.fetched(&configured, Err(failure)),
        }
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        let configured = Rc::clone(self.configured.as_ref()?);
        let machine = configured.filter.machine(self.seeds.seed(context_id));
        Some(Box::new(Stream::new(configured, machine)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

fn now() -> UnixSeconds {
    UnixSeconds(HostClock::default().now().0 / 1000)
}
