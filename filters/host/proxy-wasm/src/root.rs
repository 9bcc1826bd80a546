//! The root context: takes the configuration, refuses a bad one, and makes a context for each stream.

use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{BufferType, ContextType, LogLevel};

use crate::filters::Filter;
use crate::memory::{Memory, Pages};
use crate::seed::{self, Seeds};
use crate::stream::Stream;

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
    proxy_wasm::set_root_context(|_| Box::new(Root::<F> { configured: None, seeds: Seeds::default() }));
}

struct Root<F> {
    configured: Option<Rc<Configured<F>>>,
    seeds: Seeds,
}

/// A filter whose configuration was accepted, and what it keeps beyond its streams.
pub(crate) struct Configured<F> {
    pub(crate) filter: F,
    pub(crate) memory: Memory,
}

impl<F: Filter> Context for Root<F> {}

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
                self.configured = Some(Rc::new(Configured { filter, memory }));
                true
            }
            Err(problems) => {
                let _ = hostcalls::log(LogLevel::Critical, &problems);
                false
            }
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
