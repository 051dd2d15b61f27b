/**
 * One small module for each arena stands between compiled code and JavaScript. V8 compiles a wrapper for every
 * JavaScript function that a module imports, which takes longer than all the rest of a small program's compilation;
 * functions of WebAssembly need none.
 */
import type { Arena } from '@polybpf/interpreter';
import { type WasmModule, wasmApi } from '@polybpf/interpreter/engine';
import { W, WasmWriter } from './wasm-writer.ts';

/** What compiled code of one unit calls. */
export interface BridgeClient {
  resume(insn: number, depth: number): void;
  host(insn: number, depth: number): number;
}

export interface Bridge {
  /** Functions for the import section of compiled code. */
  readonly imports: Readonly<Record<'resume' | 'host', unknown>>;
  /** Gives a client its number. */
  register(client: BridgeClient): number;
  /** Forgets the clients of an earlier memory in the same arena. */
  readonly owner: object;
}

let bridgeModule: WasmModule | undefined;
const bridges = new WeakMap<Arena, Bridge>();

/** The bridge of an arena, for clients of `owner`, the memory that has the arena now. */
export function bridgeOf(arena: Arena, owner: object): Bridge {
  const known = bridges.get(arena);
  if (known?.owner === owner) return known;
  const api = wasmApi();
  bridgeModule ??= new api.Module(emitBridge());
  const clients: BridgeClient[] = [];
  const { exports } = new api.Instance(bridgeModule, {
    js: {
      resume: (client: number, insn: number, depth: number) => clients[client]!.resume(insn, depth),
      host: (client: number, insn: number, depth: number) => clients[client]!.host(insn, depth),
    },
  });
  const bridge: Bridge = {
    imports: { resume: exports['resume'], host: exports['host'] },
    register: (client) => clients.push(client) - 1,
    owner,
  };
  bridges.set(arena, bridge);
  return bridge;
}

/** Two functions that call what they import. */
function emitBridge(): Uint8Array {
  const w = new WasmWriter();
  const section = (id: number, body: () => void): void => {
    w.op(id);
    const size = w.openSize();
    body();
    w.closeSize(size);
  };
  w.header();
  section(1, () => {
    w.u32(2);
    for (const byte of [0x60, 3, W.i32, W.i32, W.i32, 0, 0x60, 3, W.i32, W.i32, W.i32, 1, W.i32]) w.op(byte);
  });
  section(2, () => {
    w.u32(2);
    ['resume', 'host'].forEach((name, type) => {
      w.name('js');
      w.name(name);
      w.op(0);
      w.u32(type);
    });
  });
  section(3, () => {
    w.u32(2);
    w.u32(0);
    w.u32(1);
  });
  section(7, () => {
    w.u32(2);
    ['resume', 'host'].forEach((name, k) => {
      w.name(name);
      w.op(0);
      w.u32(2 + k);
    });
  });
  section(10, () => {
    w.u32(2);
    for (let k = 0; k < 2; k++) {
      const size = w.openSize();
      w.u32(0);
      for (let local = 0; local < 3; local++) w.get(local);
      w.index(W.call, k);
      w.op(W.end);
      w.closeSize(size);
    }
  });
  return w.result();
}
