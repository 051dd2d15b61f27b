import { readFileSync } from 'node:fs';
import { decodeInsns, type Insn } from '@polybpf/isa';

/** A program, and what Linux 6.18.44 said of it; written by tools/parity/label.ts. */
export interface VerdictCase {
  readonly name: string;
  readonly type: string;
  readonly flags: number;
  readonly maps: readonly (readonly [type: number, keySize: number, valueSize: number, maxEntries: number])[];
  readonly insns: string;
  readonly errno: number;
  readonly message: string;
  readonly processed: number;
}

/** Topics of cases, each a file. */
export const TOPICS = ['random', 'frontier', 'dynptrs'] as const;

export function readCases(topic: string): VerdictCase[] {
  return JSON.parse(readFileSync(new URL(`cases/${topic}.json`, import.meta.url), 'utf8')) as VerdictCase[];
}

export function insnsOf(one: VerdictCase): Insn[] {
  return decodeInsns(new Uint8Array(Buffer.from(one.insns, 'base64')));
}
