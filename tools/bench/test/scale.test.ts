import { createInterpreter } from '@polybpf/interpreter';
import { rowOf } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { growthOf, type ScaleRow } from '../src/scale/bench-scale.ts';
import { scaleSections } from '../src/scale/scale-report.ts';
import { SHAPES } from '../src/scale/shapes.ts';
import { STAGES } from '../src/scale/stages.ts';

describe.each(SHAPES.map((shape) => [shape.name, shape] as const))('shape: %s', (name, { make }) => {
  it.each([1000, 70_000])('is a program of %d instructions that runs through itself', (size) => {
    const program = make(size);
    expect(Math.abs(program.insns.length - size)).toBeLessThan(0.6 * size);
    const { insnsExecuted, error } = createInterpreter(program).tryRun({ mem: new Uint8Array(64) });
    expect(error).toBeUndefined();
    expect(insnsExecuted).toBeGreaterThan(0.3 * size);
    const kinds = new Set(program.insns.map((insn) => rowOf(insn)?.kind));
    expect(kinds.has('call_local')).toBe(name === 'many functions');
    expect(kinds.has('jmp')).toBe(/branches|exit|loops/.test(name));
  });

  it.each(STAGES.map((stage) => [stage.name, stage] as const))('goes through %s', (stageName, { prepare }) => {
    const refused = prepare(make(600))();
    expect(refused).toBeUndefined();
    const large = prepare(make(2000))();
    // The kernel takes 256 functions (BPF_MAX_SUBPROGS).
    if (stageName === 'verify' && name === 'many functions') expect(large).toMatch(/^reject: too many subprograms/);
    else expect(large).toBeUndefined();
  });
});

it('growth is that of the time for one instruction', () => {
  const sample = (size: number, ms: number): ScaleRow['samples'][number] => ({ size, ms, peakMb: 100 });
  const row: ScaleRow = { shape: 'a', stage: 'x', samples: [sample(100_000, 7), sample(300_000, 30), sample(1_000_000, 200)] }; // prettier-ignore
  expect(growthOf(row)).toBeCloseTo(2);
  expect(growthOf({ ...row, samples: row.samples.map((one) => ({ ...one, refused: 'no' })) })).toBeNaN();
  const [section] = scaleSections([row, { ...row, stage: 'y', samples: [], failure: 'SIGKILL: out of memory' }]);
  expect(section!.rows).toEqual([
    ['stage', '100 k: ms, MB', '300 k: ms, MB', '1000 k: ms, MB', 'ns an instruction', 'growth'],
    ['x', '7, 100', '30, 100', '200, 100', '200', '2.00'],
    ['y', '-', '-', '-', 'SIGKILL: out of memory', '-'],
  ]);
});
