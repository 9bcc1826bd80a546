//! A host that does nothing: what a filter asks of Envoy, from memory, and counted.
//!
//! Only what the filters use is here; anything else traps, and says so. (proxy-wasm ABI 0.2.1)

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use wasmtime::{Caller, Extern, Linker, Memory, TypedFunc};

/// A header map: names and values.
pub(crate) type Map = Vec<(Vec<u8>, Vec<u8>)>;

/// `proxy_status_t`
const OK: i32 = 0;
const NOT_FOUND: i32 = 1;
const BAD_ARGUMENT: i32 = 2;
const CAS_MISMATCH: i32 = 8;

/// `proxy_buffer_type_t` of the configuration.
const PLUGIN_CONFIGURATION: i32 = 7;

/// A request, its answer, and what the filters say of both.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// By `proxy_map_type_t`: the request's headers and trailers, the answer's headers and trailers.
    pub(crate) maps: [Map; 4],
    /// By `proxy_buffer_type_t`: the request's body, and as much of the answer's as is in Envoy's hands.
    pub(crate) bodies: [Vec<u8>; 2],
    /// Filter state.
    state: HashMap<Vec<u8>, Vec<u8>>,
    /// The status of an answer that a filter gave itself.
    pub(crate) responded: Option<u32>,
}

impl Exchange {
    /// A request as it is on the wire.
    pub(crate) fn of(request: &[u8]) -> Self {
        let end = memchr::memmem::find(request, b"\r\n\r\n").map_or(request.len(), |at| at + 4);
        let (head, body) = request.split_at(end);
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let mut map: Map = [":method", ":path"]
            .map(|name| (name.into(), words.next().unwrap_or_default().into()))
            .into_iter()
            .chain([(b":scheme".to_vec(), b"http".to_vec())])
            .collect();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name = if name == "host" { ":authority" } else { name };
            map.push((name.into(), value.into()));
        }
        map.push((b"x-request-id".to_vec(), b"5f0c3f0e-7a50-4c07-9f0b-1f2d3c4b5a69".to_vec()));
        Self {
            maps: [map, Map::new(), Map::new(), Map::new()],
            bodies: [body.to_vec(), Vec::new()],
            ..Self::default()
        }
    }

    /// The answer's status and headers as they would be on the wire.
    pub(crate) fn head(&self) -> Vec<u8> {
        let [_, _, headers, _] = &self.maps;
        let mut head = b"HTTP/1.1 ".to_vec();
        for (name, value) in headers {
            if name == b":status" {
                head.extend([value.as_slice(), b" OK\r\n"].concat());
            } else {
                head.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
            }
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// What one filter's VM has of its host.
#[derive(Debug, Default)]
pub(crate) struct Host {
    pub(crate) exchange: Rc<RefCell<Exchange>>,
    pub(crate) configuration: Vec<u8>,
    /// `NAME=value`
    pub(crate) environment: Vec<String>,
    pub(crate) metrics: u32,
    pub(crate) shared: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    /// Calls since the start.
    pub(crate) calls: u64,
    /// Bytes that they carried, either way.
    pub(crate) bytes: u64,
    /// The last lines that were logged as warnings or worse.
    pub(crate) log: Vec<String>,
}

/// What a call does not find, or what no host would let pass, ends the run.
type Outcome<T = i32> = wasmtime::Result<T>;

fn wrong(what: impl Into<String>) -> wasmtime::Error {
    wasmtime::Error::msg(what.into())
}

/// The guest's side of one call.
struct Call<'a> {
    caller: Caller<'a, Host>,
    memory: Memory,
}

impl<'a> Call<'a> {
    fn new(mut caller: Caller<'a, Host>) -> Outcome<Self> {
        caller.data_mut().calls += 1;
        match caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Ok(Self { caller, memory }),
            _ => Err(wrong("the module exports no memory")),
        }
    }

    fn host(&mut self) -> &mut Host {
        self.caller.data_mut()
    }

    fn exchange(&mut self) -> Rc<RefCell<Exchange>> {
        Rc::clone(&self.caller.data().exchange)
    }

    /// What the guest hands in.
    fn given(&mut self, at: i32, length: i32) -> Outcome<Vec<u8>> {
        let mut bytes = vec![0; length as u32 as usize];
        self.memory
            .read(&self.caller, at as u32 as usize, &mut bytes)
            .map_err(|error| wrong(error.to_string()))?;
        self.caller.data_mut().bytes += bytes.len() as u64;
        Ok(bytes)
    }

    fn write(&mut self, at: i32, bytes: &[u8]) -> Outcome<()> {
        self.memory
            .write(&mut self.caller, at as u32 as usize, bytes)
            .map_err(|error| wrong(error.to_string()))
    }

    /// Hands that to the guest, in memory that the guest provides.
    fn bring(&mut self, bytes: &[u8], data: i32, size: i32) -> Outcome {
        let Some(Extern::Func(allocate)) = self.caller.get_export("proxy_on_memory_allocate") else {
            return Err(wrong("the module exports no proxy_on_memory_allocate"));
        };
        let allocate: TypedFunc<i32, i32> = allocate.typed(&self.caller)?;
        let at = if bytes.is_empty() { 0 } else { allocate.call(&mut self.caller, bytes.len() as i32)? };
        if at != 0 {
            self.write(at, bytes)?;
        }
        self.write(data, &at.to_le_bytes())?;
        self.write(size, &(bytes.len() as u32).to_le_bytes())?;
        self.host().bytes += bytes.len() as u64;
        Ok(OK)
    }
}

/// All that the modules import.
pub(crate) fn linker(engine: &wasmtime::Engine) -> Outcome<Linker<Host>> {
    let mut linker = Linker::new(engine);
    headers(&mut linker)?;
    bodies(&mut linker)?;
    attributes(&mut linker)?;
    shared(&mut linker)?;
    process(&mut linker)?;
    Ok(linker)
}

fn headers(linker: &mut Linker<Host>) -> Outcome<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |caller: Caller<'_, Host>, map: i32, data: i32, size: i32| {
            let mut call = Call::new(caller)?;
            let pairs = serialised(map_of(&mut call.exchange().borrow_mut(), map)?);
            call.bring(&pairs, data, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |caller: Caller<'_, Host>, map: i32, at: i32, length: i32| {
            let mut call = Call::new(caller)?;
            let pairs = parsed(&call.given(at, length)?).ok_or_else(|| wrong("a header map that is none"))?;
            *map_of(&mut call.exchange().borrow_mut(), map)? = pairs;
            Outcome::Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |caller: Caller<'_, Host>, map: i32, name: i32, name_length: i32, value: i32, value_length: i32| {
            let mut call = Call::new(caller)?;
            let (name, value) = (call.given(name, name_length)?, call.given(value, value_length)?);
            let exchange = call.exchange();
            let mut exchange = exchange.borrow_mut();
            let map = map_of(&mut exchange, map)?;
            let at = map.iter().position(|(known, _)| *known == name);
            map.retain(|(known, _)| *known != name);
            map.insert(at.unwrap_or(map.len()).min(map.len()), (name, value));
            Outcome::Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |caller: Caller<'_, Host>, map: i32, name: i32, name_length: i32| {
            let mut call = Call::new(caller)?;
            let name = call.given(name, name_length)?;
            map_of(&mut call.exchange().borrow_mut(), map)?.retain(|(known, _)| *known != name);
            Outcome::Ok(OK)
        },
    )?;
    Ok(())
}

fn map_of(exchange: &mut Exchange, map: i32) -> Outcome<&mut Map> {
    exchange.maps.get_mut(map as usize).ok_or_else(|| wrong(format!("there is no header map {map}")))
}

/// A map as the ABI has it: the number of pairs, the sizes of each name and value, then each of them with a zero byte behind it.
fn serialised(map: &Map) -> Vec<u8> {
    let number = |n: usize| (n as u32).to_le_bytes();
    let mut out = number(map.len()).to_vec();
    for (name, value) in map {
        out.extend([number(name.len()), number(value.len())].concat());
    }
    for part in map.iter().flat_map(|(name, value)| [name, value]) {
        out.extend_from_slice(part);
        out.push(0);
    }
    out
}

fn parsed(bytes: &[u8]) -> Option<Map> {
    let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
    let count = number(0)?;
    let mut at = 4 + 8 * count;
    let mut part = |length: usize| {
        let part = bytes.get(at..at + length)?.to_vec();
        at += length + 1;
        Some(part)
    };
    (0..count).map(|pair| Some((part(number(4 + 8 * pair)?)?, part(number(8 + 8 * pair)?)?))).collect()
}

fn bodies(linker: &mut Linker<Host>) -> Outcome<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |caller: Caller<'_, Host>, buffer: i32, start: i32, most: i32, data: i32, size: i32| {
            let mut call = Call::new(caller)?;
            let bytes = match buffer {
                PLUGIN_CONFIGURATION => call.host().configuration.clone(),
                0 | 1 => call.exchange().borrow().bodies[buffer as usize].clone(),
                _ => return Err(wrong(format!("there is no buffer {buffer}"))),
            };
            let from = (start as u32 as usize).min(bytes.len());
            let to = from.saturating_add(most as u32 as usize).min(bytes.len());
            call.bring(&bytes[from..to], data, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |caller: Caller<'_, Host>, buffer: i32, start: i32, length: i32, at: i32, size: i32| {
            let mut call = Call::new(caller)?;
            let bytes = call.given(at, size)?;
            let exchange = call.exchange();
            let mut exchange = exchange.borrow_mut();
            let body = exchange
                .bodies
                .get_mut(buffer as usize)
                .ok_or_else(|| wrong(format!("there is no body {buffer}")))?;
            let from = (start as u32 as usize).min(body.len());
            let to = from.saturating_add(length as u32 as usize).min(body.len());
            body.splice(from..to, bytes);
            Outcome::Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |caller: Caller<'_, Host>,
         status: i32,
         _: i32,
         _: i32,
         body: i32,
         length: i32,
         _: i32,
         _: i32,
         _: i32| {
            let mut call = Call::new(caller)?;
            let body = call.given(body, length)?;
            let exchange = call.exchange();
            let mut exchange = exchange.borrow_mut();
            exchange.responded = Some(status as u32);
            exchange.bodies[1] = body;
            Outcome::Ok(OK)
        },
    )?;
    Ok(())
}

fn attributes(linker: &mut Linker<Host>) -> Outcome<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |caller: Caller<'_, Host>, path: i32, length: i32, data: i32, size: i32| {
            let mut call = Call::new(caller)?;
            let path = call.given(path, length)?;
            let value = match path.as_slice() {
                b"upstream\0request_attempt_count" => Some(1_u64.to_le_bytes().to_vec()),
                path => call.exchange().borrow().state.get(path).cloned(),
            };
            value.map_or(Outcome::Ok(NOT_FOUND), |value| call.bring(&value, data, size))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |caller: Caller<'_, Host>, path: i32, length: i32, value: i32, size: i32| {
            let mut call = Call::new(caller)?;
            let (path, value) = (call.given(path, length)?, call.given(value, size)?);
            call.exchange().borrow_mut().state.insert(path, value);
            Outcome::Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |caller: Caller<'_, Host>, name: i32, length: i32, _: i32, _: i32, data: i32, size: i32| {
            let mut call = Call::new(caller)?;
            match call.given(name, length)?.as_slice() {
                b"clear_route_cache" => call.bring(b"", data, size),
                other => Err(wrong(format!("there is no function {}", other.escape_ascii()))),
            }
        },
    )?;
    Ok(())
}

fn shared(linker: &mut Linker<Host>) -> Outcome<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |caller: Caller<'_, Host>, key: i32, length: i32, data: i32, size: i32, version: i32| {
            let mut call = Call::new(caller)?;
            let key = call.given(key, length)?;
            let Some((value, found)) = call.host().shared.get(&key).cloned() else {
                return Outcome::Ok(NOT_FOUND);
            };
            call.write(version, &found.to_le_bytes())?;
            call.bring(&value, data, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |caller: Caller<'_, Host>, key: i32, length: i32, value: i32, size: i32, version: i32| {
            let mut call = Call::new(caller)?;
            let (key, value) = (call.given(key, length)?, call.given(value, size)?);
            let (known, found) = call.host().shared.entry(key).or_default();
            if *found != 0 && version != 0 && version as u32 != *found {
                return Outcome::Ok(CAS_MISMATCH);
            }
            (*known, *found) = (value, *found + 1);
            Outcome::Ok(OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |caller: Caller<'_, Host>, _: i32, name: i32, length: i32, number: i32| {
            let mut call = Call::new(caller)?;
            let _ = call.given(name, length)?;
            call.host().metrics += 1;
            let defined = call.host().metrics;
            call.write(number, &defined.to_le_bytes())?;
            Outcome::Ok(OK)
        },
    )?;
    for name in ["proxy_record_metric", "proxy_increment_metric"] {
        linker.func_wrap("env", name, |caller: Caller<'_, Host>, number: i32, _: i64| {
            let mut call = Call::new(caller)?;
            let known = (1..=call.host().metrics).contains(&(number as u32));
            Outcome::Ok(if known { OK } else { BAD_ARGUMENT })
        })?;
    }
    Ok(())
}

/// The VM itself: time, randomness, environment, log.
fn process(linker: &mut Linker<Host>) -> Outcome<()> {
    const NOON: u64 = 1_764_072_000_000_000_000;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |caller: Caller<'_, Host>, at: i32| {
        let mut call = Call::new(caller)?;
        call.write(at, &NOON.to_le_bytes())?;
        Outcome::Ok(OK)
    })?;
    linker.func_wrap("env", "proxy_log", |caller: Caller<'_, Host>, level: i32, at: i32, length: i32| {
        const WARN: i32 = 3;
        let mut call = Call::new(caller)?;
        let line = String::from_utf8_lossy(&call.given(at, length)?).into_owned();
        if level >= WARN {
            call.host().log.push(line);
        }
        Outcome::Ok(OK)
    })?;
    linker.func_wrap("env", "proxy_set_effective_context", |_: Caller<'_, Host>, _: i32| OK)?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", |_: Caller<'_, Host>, _: i32| OK)?;
    let wasi = "wasi_snapshot_preview1";
    linker.func_wrap(wasi, "random_get", |caller: Caller<'_, Host>, at: i32, length: i32| {
        // The same every time: so are the numbers that come of it.
        Call::new(caller)?.write(at, &vec![7; length as u32 as usize])?;
        Outcome::Ok(OK)
    })?;
    linker.func_wrap(wasi, "environ_sizes_get", |caller: Caller<'_, Host>, count: i32, size: i32| {
        let mut call = Call::new(caller)?;
        let environment = call.host().environment.clone();
        let bytes: usize = environment.iter().map(|variable| variable.len() + 1).sum();
        call.write(count, &(environment.len() as u32).to_le_bytes())?;
        call.write(size, &(bytes as u32).to_le_bytes())?;
        Outcome::Ok(OK)
    })?;
    linker.func_wrap(wasi, "environ_get", |caller: Caller<'_, Host>, mut pointers: i32, mut at: i32| {
        let mut call = Call::new(caller)?;
        for variable in call.host().environment.clone() {
            call.write(pointers, &at.to_le_bytes())?;
            call.write(at, format!("{variable}\0").as_bytes())?;
            pointers += 4;
            at += variable.len() as i32 + 1;
        }
        Outcome::Ok(OK)
    })?;
    Ok(())
}
