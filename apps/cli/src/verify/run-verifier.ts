/** One verification with its time, and what the kernel's types are for it. */
import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import type { RegistryProfile } from '@polybpf/helpers';
import { type Privilege, verify, type VerifyInput, type VerifyOptions, type VerifyReport } from '@polybpf/verifier';
import { LIVE_BTF } from '../btf-file.ts';
import { readInput } from '../files.ts';
import { hasLiveSymbol } from './kernel-symbols.ts';

/** How programs are verified. */
export interface VerifierSettings {
  readonly profile: RegistryProfile;
  readonly privilege: Privilege;
  readonly logLevel: number;
  readonly kernelBtf: Uint8Array | undefined;
}

/** A report, and the milliseconds that it took. */
export interface TimedReport extends VerifyReport {
  readonly name: string;
  readonly profile: string;
  readonly input: VerifyInput;
  readonly elapsedMs: number;
}

/** Verifies; input that the verifier cannot make anything of is `unsupported` with the code of its error. */
export function runVerifier(input: VerifyInput, settings: VerifierSettings): TimedReport {
  const named = { name: input.name ?? '', profile: settings.profile.name, input };
  const started = performance.now();
  try {
    const report = verify(input, verifyOptions(settings));
    return { ...report, ...named, elapsedMs: performance.now() - started };
  } catch (error) {
    if (!isBpfError(error)) throw error;
    const elapsedMs = performance.now() - started;
    return { ...NOTHING, ...named, code: error.code, message: error.message, elapsedMs };
  }
}

/** Types that are the running kernel's. */
const live = new WeakSet<Uint8Array>();

/** Settings as the verifier takes them. */
export function verifyOptions({ profile, privilege, logLevel, kernelBtf }: VerifierSettings): VerifyOptions {
  const symbols = kernelBtf !== undefined && live.has(kernelBtf) ? { hasSymbol: hasLiveSymbol } : {};
  return { profile, privilege, logLevel, ...symbols, ...(kernelBtf === undefined ? {} : { kernelBtf }) };
}

const NOTHING = {
  verdict: 'unsupported',
  insn: undefined,
  lines: [],
  errno: 0,
  processed: 0,
  totalStates: 0,
  peakStates: 0,
  maxStatesPerInsn: 0,
  stackDepths: [],
  log: '',
} as const;

/**
 * Types of the kernel: those of a file, or the running kernel's where this process may read them.
 *
 * @param file - `none` for none at all
 * @throws BpfError `E_INPUT` for a file that cannot be read
 */
export function readKernelTypes(file: string | undefined): Uint8Array | undefined {
  if (file === 'none') return undefined;
  if (file !== undefined && file !== 'live') return readInput(file);
  try {
    const bytes = new Uint8Array(readFileSync(LIVE_BTF));
    live.add(bytes);
    return bytes;
  } catch {
    return undefined;
  }
}
