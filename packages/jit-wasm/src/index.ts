export { wasmInterpreterEngine } from './interpreter-engine.ts';
