export { kernelEngine } from './node/kernel-engine.ts';
export type { KernelEngine, KernelVerdict } from './node/kernel-engine.ts';
export { openEngines, usableEngines } from './node/open-engines.ts';
export type { OpenEngines } from './node/open-engines.ts';
export { runHostile, targetsAround } from './node/hostile.ts';
export type { Escape, HostileOptions, HostileReport } from './node/hostile.ts';
