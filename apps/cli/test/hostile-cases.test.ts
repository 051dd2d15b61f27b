/** Cases that were damaged: whatever they hold, they end with a verdict, or an error that names what is wrong. */
import { readFileSync } from 'node:fs';
import { isBpfError } from '@polybpf/errors';
import { profileByName } from '@polybpf/helpers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCases } from '../src/verify/case-file.ts';
import { runVerifier } from '../src/verify/run-verifier.ts';

interface Line {
  type: string | number;
  insns: string;
  flags?: number;
  maps?: Record<string, unknown>[];
  btf?: string;
  funcInfo?: unknown;
}

const text = readFileSync(new URL('cases/rules.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const profile = profileByName('6.18');
const anyCase = fc.nat(text.length - 1).map((i) => JSON.parse(text[i]!) as Line);
const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 });

function damaged(base64: string, places: readonly (readonly [number, number])[]): string {
  const bytes = Buffer.from(base64, 'base64');
  for (const [at, value] of places) if (bytes.length > 0) bytes[at % bytes.length] = value;
  return bytes.toString('base64');
}

function judge(line: object): void {
  for (const privilege of ['root', 'bpf', 'none'] as const) {
    let verdict = '';
    try {
      const [input] = [...readCases(JSON.stringify(line), 'damaged.jsonl')];
      ({ verdict } = runVerifier(input!, { profile, privilege, logLevel: 2, kernelBtf: undefined }));
    } catch (error) {
      if (!isBpfError(error)) throw error;
      verdict = error.code;
    }
    expect(verdict).toMatch(/^(accept|reject|unsupported|E_[A-Z_]+)$/);
  }
}

describe('damaged cases', () => {
  it('with bytes changed in instructions and BTF', () => {
    fc.assert(
      fc.property(anyCase, anyCase, changes, changes, (one, other, inInsns, inTypes) => {
        const { btf, funcInfo } = one.btf === undefined ? other : one;
        judge({ ...one, insns: damaged(one.insns, inInsns), ...(btf === undefined ? {} : { btf: damaged(btf, inTypes), funcInfo }) }); // prettier-ignore
      }),
      { numRuns: 400 },
    );
  });

  it('with maps, types and flags that make no sense', () => {
    const size = fc.constantFrom(0, 1, 7, 100, 0x7fffffff, 0xffffffff);
    const map = fc.record({ type: fc.nat(40), keySize: size, valueSize: size, maxEntries: size, flags: size, btfValueTypeId: fc.nat(20) }); // prettier-ignore
    fc.assert(
      fc.property(
        anyCase,
        anyCase,
        map,
        fc.nat(40),
        fc.nat(70),
        size,
        (one, { btf }, made, type, attachType, flags) => {
          const maps = (one.maps ?? []).map((own) => ({ ...own, ...made, ...(btf === undefined ? {} : { btf }) }));
          judge({ ...one, maps, type, attachType, flags });
        },
      ),
      { numRuns: 400 },
    );
  });

  it('of random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 240 }), fc.nat(32), (bytes, type) => {
        const insns = Buffer.from(bytes.subarray(0, bytes.length & ~7)).toString('base64');
        judge({ name: 'random', type, insns });
      }),
      { numRuns: 400 },
    );
  });
});
