// A contender's wasm module under V8, behind a line protocol on stdin and stdout: what harness/src/process.rs is for a native process.
//
// Usage: node --expose-gc v8.mjs MODULE.wasm
// It says `started bytes N compile NANOS instantiate NANOS memory BYTES`, then answers lines:
//   text PATH        reads a file and puts it into linear memory -> ok
//   count ENCODING   -> tokens N nanos CPU, or trap REASON
//   memory           -> memory BYTES
//   fresh            replaces the instance by a new one of the same compiled module, as another worker's VM would be -> ok
//
// Time is CPU time of this process. An instance is used as a VM of Envoy is: one thread, one call at a time.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { WASI } from "node:wasi";

const ENCODINGS = { cl100k_base: 0, o200k_base: 1 };

const nanos = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

const timed = (work) => {
  const before = nanos();
  const result = work();
  return [result, nanos() - before];
};

const bytes = readFileSync(process.argv[2]);
const [module, compile] = timed(() => new WebAssembly.Module(bytes));

function instantiate() {
  const wasi = new WASI({ version: "preview1" });
  const instance = new WebAssembly.Instance(module, wasi.getImportObject());
  wasi.initialize(instance);
  return instance.exports;
}

let [vm, instantiated] = timed(instantiate);
console.log(`started bytes ${bytes.length} compile ${compile} instantiate ${instantiated} memory ${vm.memory.buffer.byteLength}`);

function place(text) {
  const address = vm.input(text.length) >>> 0;
  new Uint8Array(vm.memory.buffer, address, text.length).set(text);
  if (vm.ready() !== 1) throw new Error("the text is not UTF-8");
}

function answer(line) {
  const space = line.indexOf(" ");
  const [verb, rest] = space < 0 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
  switch (verb) {
    case "text":
      place(readFileSync(rest));
      return "ok";
    case "count": {
      if (!(rest in ENCODINGS)) throw new Error(`${rest} is no encoding of the bench`);
      try {
        const [tokens, took] = timed(() => vm.count(ENCODINGS[rest]));
        return `tokens ${tokens >>> 0} nanos ${took}`;
      } catch (error) {
        if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) return `trap ${error.message}`;
        throw error;
      }
    }
    case "memory":
      return `memory ${vm.memory.buffer.byteLength}`;
    case "fresh":
      vm = undefined;
      globalThis.gc?.();
      vm = instantiate();
      return "ok";
    default:
      throw new Error(`${JSON.stringify(line)} is no request`);
  }
}

for await (const line of createInterface({ input: process.stdin })) console.log(answer(line));
