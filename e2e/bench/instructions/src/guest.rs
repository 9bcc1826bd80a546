//! One filter in a VM of its own, called as Envoy calls it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{AddAssign, DivAssign};
use std::path::Path;
use std::rc::Rc;

use lab::Failure;
use wasmtime::{Config, Engine, Instance, Module, Store, WasmParams, WasmResults};

use crate::host::{Exchange, Host, linker};
use bench::Error;

/// Enough for anything that is measured here, and an end for what would never end.
const PLENTY: u64 = 1 << 40;
/// The root context's number; streams have higher ones.
const ROOT: i32 = 1;

/// What was done in one or more calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// WebAssembly instructions.
    pub(crate) instructions: u64,
    /// Calls to the host.
    pub(crate) calls: u64,
    /// Bytes that these carried, either way.
    pub(crate) bytes: u64,
}

/// What a filter wants to become of what it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Continue,
    Pause,
}

/// A filter's module, compiled once for all that run.
pub(crate) struct Filter {
    module: Module,
    name: String,
}

/// A filter that runs.
pub(crate) struct Guest {
    store: Store<Host>,
    instance: Instance,
    /// The number of the stream that runs.
    stream: i32,
    name: String,
    /// What was done in each callback.
    callbacks: BTreeMap<String, Spent>,
}

impl Filter {
    /// Compiles the module of that file.
    pub(crate) fn compile(path: &Path) -> Result<Self, Error> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut config = Config::default();
        config.consume_fuel(true);
        let module = Engine::new(&config).and_then(|engine| Module::from_file(&engine, path));
        let module = module.map_err(|error| failed(&name, &error))?;
        Ok(Self { module, name })
    }
}

fn failed(name: &str, error: &wasmtime::Error) -> Error {
    Failure::new(format!("{name}: {error:#}"), "was it built by `make wasm`?").into()
}

impl Guest {
    /// Starts a filter with that configuration, and with those variables in its environment.
    pub(crate) fn start(
        filter: &Filter,
        configuration: &str,
        environment: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let Filter { module, name } = filter;
        let name = name.clone();
        let failed = |error: wasmtime::Error| failed(&name, &error);
        let host = Host {
            configuration: configuration.as_bytes().to_vec(),
            environment: environment.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            ..Host::default()
        };
        let engine = module.engine();
        let mut store = Store::new(engine, host);
        store.set_fuel(PLENTY).map_err(failed)?;
        let mut linker = linker(engine).map_err(failed)?;
        // What the SDK imports and the filters never call.
        linker.define_unknown_imports_as_traps(module).map_err(failed)?;
        let instance = linker.instantiate(&mut store, module).map_err(failed)?;
        let mut guest = Self { store, instance, stream: ROOT, name, callbacks: BTreeMap::new() };
        guest.call::<_, ()>("_initialize", ())?;
        guest.call::<_, ()>("proxy_on_context_create", (ROOT, 0))?;
        let size = configuration.len() as i32;
        for (function, size) in [("proxy_on_vm_start", 0), ("proxy_on_configure", size)] {
            if guest.call::<_, i32>(function, (ROOT, size))? == 0 {
                let log = guest.store.data().log.join("\n");
                return Err(Failure::new(
                    format!("{} refuses its configuration: {log}", guest.name),
                    "see above",
                )
                .into());
            }
        }
        Ok(guest)
    }

    /// Begins a stream.
    pub(crate) fn begin(&mut self, exchange: &Rc<RefCell<Exchange>>) -> Result<(), Error> {
        self.store.data_mut().exchange = Rc::clone(exchange);
        self.stream += 1;
        self.call("proxy_on_context_create", (self.stream, ROOT))
    }

    /// The headers of a request or an answer that a body follows.
    pub(crate) fn headers(&mut self, function: &str) -> Result<Action, Error> {
        self.action(function, 0, false)
    }

    /// So many bytes of a body.
    pub(crate) fn body(&mut self, function: &str, size: usize, last: bool) -> Result<Action, Error> {
        self.action(function, size, last)
    }

    /// The end of the stream, for a filter that is told and for one that is only forgotten.
    pub(crate) fn end(&mut self, logged: bool) -> Result<(), Error> {
        let stream = self.stream;
        self.call::<_, i32>("proxy_on_done", stream)?;
        if logged {
            self.call::<_, ()>("proxy_on_log", stream)?;
        }
        self.call("proxy_on_delete", stream)
    }

    /// What was done in each callback since this was asked before.
    pub(crate) fn callbacks(&mut self) -> BTreeMap<String, Spent> {
        std::mem::take(&mut self.callbacks)
    }

    /// What was done since the start.
    pub(crate) fn spent(&self) -> Spent {
        let left = self.store.get_fuel().unwrap_or_default();
        let Host { calls, bytes, .. } = self.store.data();
        Spent { instructions: PLENTY - left, calls: *calls, bytes: *bytes }
    }

    fn action(&mut self, function: &str, size: usize, last: bool) -> Result<Action, Error> {
        let action: i32 = self.call(function, (self.stream, size as i32, i32::from(last)))?;
        Ok(if action == 0 { Action::Continue } else { Action::Pause })
    }

    fn call<P: WasmParams, R: WasmResults>(&mut self, function: &str, parameters: P) -> Result<R, Error> {
        let before = self.spent();
        let called = self
            .instance
            .get_typed_func::<P, R>(&mut self.store, function)
            .and_then(|function| function.call(&mut self.store, parameters));
        let spent = self.spent().since(before);
        *self.callbacks.entry(function.to_owned()).or_default() += spent;
        called.map_err(|error| {
            let log = self.store.data().log.join("\n");
            Failure::new(format!("{}: {function}: {error:#}\n{log}", self.name), "does Envoy let it pass?")
                .into()
        })
    }
}

impl Spent {
    /// What was done since that.
    pub(crate) const fn since(self, earlier: Self) -> Self {
        Self {
            instructions: self.instructions - earlier.instructions,
            calls: self.calls - earlier.calls,
            bytes: self.bytes - earlier.bytes,
        }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.instructions += other.instructions;
        self.calls += other.calls;
        self.bytes += other.bytes;
    }
}

impl DivAssign<u64> for Spent {
    fn div_assign(&mut self, by: u64) {
        self.instructions /= by;
        self.calls /= by;
        self.bytes /= by;
    }
}
