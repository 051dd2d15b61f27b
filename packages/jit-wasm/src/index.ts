export { wasmInterpreterEngine } from './interpreter-engine.ts';
export { autoEngine, wasmEngine } from './jit-engine.ts';
export type { AutoEngineOptions, WasmEngineOptions } from './jit-engine.ts';
export { compileToWasm } from './standalone.ts';
export type { CompileOptions, WasmProgram } from './standalone.ts';
export type { Facts } from './module-context.ts';
