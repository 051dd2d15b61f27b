import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadObject } from '../src/load-object.ts';
import type { LoadedObject } from '../src/loaded-object.ts';
import type { MapDef, Program } from '@polybpf/isa';

const FOLDER: string = join(import.meta.dirname, 'fixtures');

/** Names of all committed objects with programs, built by fixtures/build.sh. */
export const FIXTURES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.o') && !name.includes('-target'))
  .sort();

/** The bytes of a committed object. */
export function fixtureBytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, name)));
}

/** A committed object, loaded. */
export function fixture(name: string): LoadedObject {
  return loadObject(fixtureBytes(name));
}

/** The program of a name. */
export function programOf(object: LoadedObject, name: string): Program {
  const program = object.programs.find((candidate) => candidate.name === name);
  if (program === undefined) throw new Error(`no program ${name}`);
  return program;
}

/** The map of a name. */
export function mapOf(object: LoadedObject, name: string): MapDef {
  const map = object.maps.find((candidate) => candidate.name === name);
  if (map === undefined) throw new Error(`no map ${name}`);
  return map;
}

/** Calls and function addresses of a program as `caller -> callee`, in order. */
export function callsOf({ insns, subprograms }: Program): string[] {
  const owner = (slot: number): string => {
    const found = subprograms.find(({ start, end }) => slot >= start && slot < end);
    return found === undefined
      ? `slot ${slot}`
      : found.start === slot
        ? found.name
        : `${found.name}+${slot - found.start}`;
  };
  return insns.flatMap((insn, slot) => {
    const isCall = insn.opcode === 0x85 && insn.src_reg === 1;
    const isAddress = insn.opcode === 0x18 && insn.src_reg === 4 && insn.imm !== -1;
    if (!isCall && !isAddress) return [];
    const caller = owner(slot).replace(/\+.*/, '');
    return [`${caller} ${isCall ? '->' : '&'} ${owner(slot + 1 + insn.imm)}`];
  });
}

/** What a program refers to by name, each once, sorted: `map counts`, `data level+4`. */
export function referencesOf({ relocations }: Program): string[] {
  const texts = relocations.map(({ kind, symbol, addend, weak }) => {
    return `${weak === true ? 'weak ' : ''}${kind} ${symbol}${addend === 0 ? '' : `+${addend}`}`;
  });
  return [...new Set(texts)].sort();
}
