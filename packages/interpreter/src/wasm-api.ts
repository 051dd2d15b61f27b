/** The little of the WebAssembly JavaScript API that the project uses; `lib: es2023` does not describe it. */
import { BpfError } from '@polybpf/errors';

/** A `WebAssembly.Memory`. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** A `WebAssembly.Module`; opaque. */
export interface WasmModule {
  readonly ' wasm': never;
}

/** A `WebAssembly.Instance`. */
export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

/** The constructors and functions of the global `WebAssembly`. */
export interface WasmApi {
  readonly Memory: new (descriptor: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: Record<string, Record<string, unknown>>) => WasmInstance;
  validate(bytes: Uint8Array): boolean;
}

/**
 * The global `WebAssembly`.
 *
 * @throws BpfError `E_UNSUPPORTED` where WebAssembly does not exist or is forbidden
 */
export function wasmApi(): WasmApi {
  const api = (globalThis as { readonly WebAssembly?: WasmApi }).WebAssembly;
  if (api === undefined) throw new BpfError('E_UNSUPPORTED', 'WebAssembly on this JavaScript engine');
  return api;
}
