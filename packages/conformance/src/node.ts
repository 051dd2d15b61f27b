export { loadSuite } from './node/load-suite.ts';
export { nativeEngine } from './node/native-engine.ts';
export type { NativeEngine, NativeEngineOptions } from './node/native-engine.ts';
