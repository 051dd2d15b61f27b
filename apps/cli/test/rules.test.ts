/** Programs about one rule each, with what Linux 6.18 said of them; written by `npm run parity -- rules label`. */
import { readFileSync } from 'node:fs';
import { profileByName } from '@polybpf/helpers';
import { describe, expect, it } from 'vitest';
import { readCases } from '../src/verify/case-file.ts';
import { runVerifier } from '../src/verify/run-verifier.ts';

interface Expected {
  readonly name: string;
  readonly expected: { readonly verdict: string; readonly errno: number; readonly message: string };
}

const text = readFileSync(new URL('cases/rules.jsonl', import.meta.url), 'utf8');
const cases = text.trim().split('\n').map((line) => JSON.parse(line) as Expected); // prettier-ignore
const settings = { profile: profileByName('6.18'), privilege: 'root', logLevel: 0, kernelBtf: undefined } as const;

describe('programs about one rule each', () => {
  it('get the verdict, errno, reason and effort of Linux 6.18', () => {
    expect(cases.length).toBeGreaterThan(400);
    let i = 0;
    for (const input of readCases(text, 'rules.jsonl')) {
      const { name, verdict, errno, message, processed } = runVerifier(input, settings);
      const { name: title, expected } = cases[i++]!;
      expect({ name, verdict, errno, message, processed }).toStrictEqual({ name: title, ...expected });
    }
    expect(i).toBe(cases.length);
  });
});
