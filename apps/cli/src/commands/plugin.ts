/**
 * `polybpf plugin`: the plugin protocol of bpf_conformance. Memory in hex as argument, program bytes in hex on standard
 * input, r0 in hex on standard output; exit status 0, or a message on standard error and another status.
 */
import { interpreterEngine, type Outcome, parseHex } from '@polybpf/conformance';
import { nativeEngine } from '@polybpf/conformance/node';
import { BpfError } from '@polybpf/errors';
import { decodeProgram, makeProgram } from '@polybpf/isa';
import { targetByName } from '@polybpf/targets';
import { readInput } from '../files.ts';
import { hex64, printJson, printLine } from '../print.ts';

export interface PluginFlags {
  readonly engine?: 'interpreter' | 'native';
  readonly target?: string;
  readonly json?: boolean;
}

/** Runs the command. */
export function runPlugin(memory: string | undefined, flags: PluginFlags): void {
  const bytes = hexInput(new TextDecoder().decode(readInput('-')), 'program on standard input');
  const mem = hexInput(memory ?? '', 'memory');
  const insns = decodeProgram(bytes, 'little');
  const native = flags.engine === 'native' || (flags.engine === undefined && flags.target !== undefined);
  let outcome: Outcome;
  if (native) {
    using engine = nativeEngine(targetByName(flags.target ?? 'x86_64'));
    outcome = engine.run([{ program: makeProgram(insns, { endian: engine.endian ?? 'little' }), mem }])[0]!;
  } else {
    outcome = interpreterEngine().run([{ program: makeProgram(insns), mem }])[0]!;
  }
  if (outcome.status === 'error') throw outcome.error;
  if (flags.json === true) printJson({ r0: hex64(outcome.r0) });
  else printLine(outcome.r0.toString(16));
}

function hexInput(text: string, what: string): Uint8Array {
  const bytes = parseHex(text);
  if (bytes === undefined) throw new BpfError('E_INPUT', what, { expected: 'pairs of hex digits' });
  return bytes;
}
