/** Random programs end alike on every engine: result, fault, count of instructions, memory and stacks. */
import { makeProgram } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { ENGINES, observe } from './compare.ts';
import { random, randomProgram } from './random-programs.ts';

const COUNT = Number(process.env['POLYBPF_WASM_PROGRAMS'] ?? 1500);
const FIRST = Number(process.env['POLYBPF_WASM_FIRST'] ?? 1);

describe.each(Object.keys(ENGINES))('random programs on %s', (name) => {
  it('end as on the interpreter', () => {
    const ends = new Map<string, number>();
    for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
      const next = random(seed ^ 0x5bd1e995);
      const program = makeProgram(randomProgram(seed), { endian: seed % 3 === 0 ? 'big' : 'little' });
      const input = { mem: Uint8Array.from({ length: 64 }, () => next() & 0xff), packet: Uint8Array.from({ length: 24 }, (_, i) => i * 7) }; // prettier-ignore
      const options = { budget: 200 + (next() % 2000), mayGotoLimit: next() % 20, maxCallFrames: 1 + (next() % 8) };
      const expected = observe(program, input, options, 2);
      const got = observe(program, input, { ...options, engine: ENGINES[name]!() }, 2);
      if (got !== expected) expect(got, `program ${seed}`).toBe(expected);
      const end = /"kind":"(\w+)"/.exec(expected)?.[1] ?? 'exit';
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    if (COUNT < 1000) return;
    for (const kind of ['exit', 'memory', 'jump', 'budget', 'alignment', 'call_depth', 'helper', 'opcode']) {
      expect(ends.get(kind), `${kind} must occur`).toBeGreaterThan(0);
    }
  });
});
