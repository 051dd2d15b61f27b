export { wasmInterpreterEngine } from './interpreter-engine.ts';
export { autoEngine, wasmEngine } from './jit-engine.ts';
export type { AutoEngineOptions, WasmEngineOptions } from './jit-engine.ts';
