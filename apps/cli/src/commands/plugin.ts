/**
 * `polybpf plugin`: the plugin protocol of bpf_conformance. Memory in hex as argument, program bytes in hex on standard
 * input, r0 in hex on standard output; exit status 0, or a message on standard error and another status.
 */
import {
  type Engine,
  interpreterEngine,
  type Outcome,
  parseHex,
  type WasmEngineName,
  wasmVectorEngine,
} from '@polybpf/conformance';
import { nativeEngine } from '@polybpf/conformance/node';
import { BpfError } from '@polybpf/errors';
import { decodeProgram, type Insn, makeProgram } from '@polybpf/isa';
import { targetByName } from '@polybpf/targets';
import { readInput } from '../files.ts';
import { parseCount } from '../memory-argument.ts';
import { hex64, printJson, printLine } from '../print.ts';

export interface PluginFlags {
  readonly engine?: 'interpreter' | 'native' | WasmEngineName;
  readonly target?: string;
  /** Runs, each on a fresh copy of the memory; for timing. */
  readonly repeat?: string;
  readonly json?: boolean;
}

/** Runs the command. */
export function runPlugin(memory: string | undefined, flags: PluginFlags): void {
  const bytes = hexInput(new TextDecoder().decode(readInput('-')), 'program on standard input');
  const mem = hexInput(memory ?? '', 'memory');
  const insns = decodeProgram(bytes, 'little');
  const repeat = flags.repeat === undefined ? 1 : parseCount('--repeat', flags.repeat);
  const outcome =
    flags.engine === 'native' || (flags.engine === undefined && flags.target !== undefined)
      ? runNative(insns, mem, flags.target ?? 'x86_64', repeat)
      : runRepeated(
          flags.engine === undefined || flags.engine === 'interpreter'
            ? interpreterEngine()
            : wasmVectorEngine(flags.engine as WasmEngineName),
          insns,
          mem,
          repeat,
        );
  if (outcome.status === 'error') throw outcome.error;
  if (flags.json === true) printJson({ r0: hex64(outcome.r0) });
  else printLine(outcome.r0.toString(16));
}

function runNative(insns: readonly Insn[], mem: Uint8Array, target: string, repeat: number): Outcome {
  using engine = nativeEngine(targetByName(target));
  return runRepeated(engine, insns, mem, repeat);
}

function runRepeated(engine: Engine, insns: readonly Insn[], mem: Uint8Array, repeat: number): Outcome {
  const job = { program: makeProgram(insns, { endian: engine.endian ?? 'little' }), mem };
  let outcome: Outcome;
  do outcome = engine.run([job])[0]!;
  while (--repeat > 0);
  return outcome;
}

function hexInput(text: string, what: string): Uint8Array {
  const bytes = parseHex(text);
  if (bytes === undefined) throw new BpfError('E_INPUT', what, { expected: 'pairs of hex digits' });
  return bytes;
}
