import { assemble } from '@polybpf/asm';
import { makeProgram, type SourceLine } from '@polybpf/isa';
import { createVm, xdp } from '@polybpf/runtime';
import { describe, expect, test } from 'vitest';
import { bpfMatchers, createCoverage, mockHelper, sameValue } from '../src/index.ts';

const line = (insn: number, number: number): SourceLine => ({ insn, file: 'a.c', line: number, column: 1, text: '' });

describe('coverage', () => {
  const program = makeProgram(
    assemble('r1 = *(u32 *)(r1 + 12)\nif r1 == 5 goto +2\nr0 = 1\nexit\nr0 = 2\nexit').insns,
    { name: 'choose', type: 'xdp', lines: [line(0, 10), line(2, 11), line(4, 13)] },
  );
  const run = (...ifindexes: number[]): ReturnType<typeof createCoverage> => {
    const coverage = createCoverage();
    const vm = createVm({ program, trace: coverage.trace });
    coverage.add(vm);
    for (const ingressIfindex of ifindexes) vm.program().run(xdp({ packet: new Uint8Array(14), ingressIfindex }));
    return coverage;
  };

  test('counts lines, functions and both ways of branches', () => {
    expect(run(1, 1, 5).lcov('t')).toBe(
      ['TN:t', 'SF:a.c', 'FN:10,choose', 'FNDA:3,choose', 'FNF:1', 'FNH:1', 'BRDA:10,0,0,1', 'BRDA:10,0,1,2', 'BRF:2', 'BRH:2', 'DA:10,3', 'DA:11,2', 'DA:13,1', 'LF:3', 'LH:3', 'end_of_record', ''].join('\n'), // prettier-ignore
    );
  });

  test('lines that never ran count as such', () => {
    expect(run(1).summary()).toEqual({ covered: 2, total: 3 });
    expect(run().lcov()).toContain('BRDA:10,0,0,-\n');
    expect(run(5).files()[0]!.lines).toEqual([{ line: 10, hits: 1 }, { line: 11, hits: 0 }, { line: 13, hits: 1 }]); // prettier-ignore
  });
});

describe('mocked helpers', () => {
  const program = makeProgram(assemble('r1 = 7\nr2 = 8\ncall 5\nexit').insns, { name: 'p', type: 'xdp' });

  test('answer and remember', () => {
    const clock = mockHelper(([first]) => first * 2n).returnNext(1, 2n);
    const vm = createVm({ program, mocks: { ktime_get_ns: clock.call } });
    expect([1, 2, 3].map(() => vm.program().run().r0)).toEqual([1n, 2n, 14n]);
    expect(clock.calls.map(([a, b]) => [a, b])).toEqual([[7n, 8n], [7n, 8n], [7n, 8n]]); // prettier-ignore
    clock.reset();
    expect(clock.calls).toEqual([]);
  });

  test('only what the kernel has can be mocked', () => {
    expect(() => createVm({ program, mocks: { no_such_helper: () => 0 } })).toThrow(/no_such_helper/);
  });
});

describe('matchers say what was wrong', () => {
  const program = makeProgram(assemble('r0 = 1\nexit').insns, { name: 'drop', type: 'xdp' });
  const result = createVm({ program }).program().run();

  test('verdicts', () => {
    expect(bpfMatchers.toReturn(result, 'XDP_DROP').pass).toBe(true);
    expect(bpfMatchers.toReturn(result, 1).pass).toBe(true);
    const wrong = bpfMatchers.toReturn(result, 'XDP_PASS');
    expect([wrong.pass, wrong.message()]).toEqual([
      false,
      'drop was expected to return XDP_PASS; it gave XDP_DROP (1)',
    ]);
  });

  test('faults', () => {
    const faulty = makeProgram(assemble('r0 = *(u8 *)(r10 + 8)\nexit').insns, { name: 'wild', type: 'xdp' });
    const fault = createVm({ program: faulty }).program().tryRun();
    expect(bpfMatchers.toFault(fault, 'E_RUN_MEMORY').pass).toBe(true);
    expect(bpfMatchers.toFault(fault, 'E_RUN_HELPER').pass).toBe(false);
    expect(bpfMatchers.toExit(fault).message()).toContain(
      'wild was expected to run to its exit; it gave fault: insn 0:',
    );
    expect(bpfMatchers.toReturn(fault, 0).pass).toBe(false);
  });

  test('values are equal by value, whatever their width', () => {
    expect(sameValue({ a: 1n, b: Uint8Array.of(1) }, { a: 1, b: Uint8Array.of(1) })).toBe(true);
    expect(sameValue({ a: 1n }, { a: 1, b: 2 })).toBe(false);
    expect(sameValue([1, 2], [1, 3])).toBe(false);
  });
});
