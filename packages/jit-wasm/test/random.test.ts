/** Random programs end alike on every engine: result, fault, count of instructions, memory and stacks. */
import { describe, expect, it } from 'vitest';
import { ENGINES } from './compare.ts';
import { COMMON_ENDS, compareRandomPrograms } from './random-comparison.ts';

const COUNT = Number(process.env['POLYBPF_WASM_PROGRAMS'] ?? 1500);
const FIRST = Number(process.env['POLYBPF_WASM_FIRST'] ?? 1);

describe.each(Object.keys(ENGINES))('random programs on %s', (name) => {
  it('end as on the interpreter', () => {
    const { ends, different } = compareRandomPrograms(name, FIRST, COUNT);
    if (different !== undefined) expect(different.got, `program ${different.seed}`).toBe(different.expected);
    if (COUNT < 1000) return;
    for (const kind of COMMON_ENDS) expect(ends[kind], `${kind} must occur`).toBeGreaterThan(0);
  });
});
