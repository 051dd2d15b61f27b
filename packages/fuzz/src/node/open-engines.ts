/** Engines by the names that the command line gives them. */
import { type Engine, isWasmEngineName, WASM_ENGINES, wasmVectorEngine } from '@polybpf/conformance';
import { nativeEngine } from '@polybpf/conformance/node';
import { BpfError } from '@polybpf/errors';
import { probeLiveKernel } from '@polybpf/kernel';
import { probeMachine } from '@polybpf/machine';
import { ALL_TARGETS, targetByName } from '@polybpf/targets';
import { BUDGET } from '../definedness.ts';
import { referenceEngine } from '../reference.ts';
import { kernelEngine } from './kernel-engine.ts';

/** Engines that are open; disposing closes all of them. */
export interface OpenEngines extends Disposable {
  readonly engines: readonly Engine[];
}

/** CPU time of one program: generated ones take microseconds, and one that hangs is tried often while it is shrunk. */
const TIMEOUT_MS = 1000;
const KNOWN = `kernel, interpreter, ${WASM_ENGINES.join(', ')}, native:ARCH, sandbox:ARCH`;

/**
 * Opens engines: `interpreter`, `kernel`, `wasm`, `wasm-interpreter`, `auto`, `native:ARCH`, and `sandbox:ARCH`, which is native code with checks.
 *
 * @throws BpfError `E_USAGE` for an unknown name, `E_TARGET_UNKNOWN`; `E_UNSUPPORTED` or `E_MACHINE_MISSING` for an engine
 *   that does not run here
 */
export function openEngines(names: readonly string[]): OpenEngines {
  const engines: (Engine & Partial<Disposable>)[] = [];
  const dispose = (): void => {
    for (const engine of engines.splice(0)) engine[Symbol.dispose]?.();
  };
  try {
    for (const name of new Set(names)) engines.push(openEngine(name));
  } catch (error) {
    dispose();
    throw error;
  }
  return { engines: engines.slice(), [Symbol.dispose]: dispose };
}

function openEngine(name: string): Engine & Partial<Disposable> {
  if (name === 'interpreter') return referenceEngine();
  if (name === 'kernel') return kernelEngine();
  if (isWasmEngineName(name)) return wasmVectorEngine(name, { budget: BUDGET });
  const confined = /^sandbox:(.+)$/.exec(name)?.[1];
  if (confined !== undefined) {
    const engine = nativeEngine(targetByName(confined), { timeoutMs: TIMEOUT_MS, bounds: 'sandbox' });
    return { ...engine, name: 'sandbox' };
  }
  const arch = /^native:(.+)$/.exec(name)?.[1];
  if (arch === undefined) throw new BpfError('E_USAGE', 'unknown engine', { expected: KNOWN, got: name });
  return nativeEngine(targetByName(arch), { timeoutMs: TIMEOUT_MS });
}

/** The engines that run here: the interpreter always, the live kernel and native targets where they are usable. */
export function usableEngines(): string[] {
  const native = ALL_TARGETS.filter((target) => probeMachine(target).available).map(({ name }) => `native:${name}`);
  return ['interpreter', ...(probeLiveKernel().available ? ['kernel'] : []), ...native];
}
