/** Tests that need bpf(2): skipped by name where it cannot be used, failed in CI where it should be. */
import { describe, expect, test } from 'vitest';
import { type LoadOutcome, probeLiveKernel } from '@polybpf/kernel';
import { assemble } from '@polybpf/asm';
import { encodeProgram } from '@polybpf/isa';

const probe = probeLiveKernel();
const isCi = !['', 'false', undefined].includes(process.env['CI']);
const mustWork = isCi && process.platform === 'linux' && process.getuid?.() === 0;

/** As vitest's `describe`, for a body that opens the kernel. */
export function describeKernel(name: string, body: () => void): void {
  if (probe.available) describe(name, body);
  else if (mustWork) describe(name, () => test('bpf(2) is usable', () => expect(probe.reason.message).toBe('')));
  else describe.skip(`${name} (skipped: ${probe.reason.message})`, () => test('needs bpf(2)', () => undefined));
}

/** Little-endian bytes of assembly text. */
export function assembled(...lines: string[]): Uint8Array {
  return encodeProgram(assemble(lines.join('\n'), { endian: 'little' }).insns);
}

/** The file descriptor of a program that must be accepted. */
export function accepted(outcome: LoadOutcome): number {
  if (outcome.accepted) return outcome.fd;
  throw new Error(`refused: ${outcome.errnoName} ${outcome.message}\n${outcome.log}`);
}
