import { assemble } from '@polybpf/asm';
import { createInterpreter } from '@polybpf/interpreter';
import { makeProgram } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { ALL_TARGETS } from '@polybpf/targets';
import { describe, expect, it } from 'vitest';
import { benchInterpreter, countInsns } from '../src/bench-interpreter.ts';
import { concatenate, withEndian } from '../src/concatenate.ts';
import { loadWorkloads } from '../src/load-workloads.ts';
import { sha256 } from '../src/sha256.ts';
import { type Workload, wrongResult } from '../src/workload.ts';

const twoExits = assemble('r0 += 1\nif r0 > 100 goto +1\nexit\nr0 += 1000\nexit');
const wide = assemble('r0 += 2\nr3 = 0x9500000095 ll\nexit');
const calling = assemble('call f\nexit\nf: r0 = 1\nexit');

it('runs all parts: exits go to the next part', () => {
  const program = concatenate([twoExits, wide, calling], 30);
  expect(program.insns.length).toBeGreaterThanOrEqual(30);
  const parts = (program.insns.length - 1) / (5 + 4);
  const { r0 } = createInterpreter(program).run();
  expect(r0).toBe(BigInt(Math.ceil(parts) + 2 * Math.floor(parts)));
});

it('compiles for every target, in its byte order', () => {
  const program = concatenate([twoExits, wide], 500);
  for (const target of ALL_TARGETS)
    expect(compile(withEndian(program, target.endian), target).code.length).toBeGreaterThan(500);
});

it('needs a program without functions of its own', () => {
  expect(() => concatenate([calling], 30)).toThrow(RangeError);
});

const counter = assemble(`
  r0 = *(u8 *)(r1 + 0)
  if r0 == 0 goto +4
  r0 += -1
  *(u8 *)(r1 + 0) = r0
  r0 = 1
  exit
  r0 = 0
  exit`);

function workloadOf(mem: Uint8Array): Workload {
  const input = { mem, r0: 1n, memHash: sha256(Uint8Array.of(0)) };
  return { name: 'w', program: makeProgram(counter.insns), source: '', function: 'prog', quick: input, full: input };
}

it('counts instructions of repeated calls on the same memory', () => {
  const workload = workloadOf(Uint8Array.of(1));
  // 6 instructions the first time, 4 when the work is done
  expect([1, 2, 3, 1000].map((repeat) => countInsns(workload, workload.quick, repeat))).toEqual([
    6,
    10,
    14,
    6 + 999 * 4,
  ]);
  expect(workload.quick.mem[0]).toBe(1);
});

it('says what is wrong with a result', () => {
  const { quick } = workloadOf(Uint8Array.of(1));
  const result = (r0: bigint, byte: number): string | undefined => wrongResult(quick, { r0, mem: Uint8Array.of(byte) });
  expect(result(1n, 0)).toBeUndefined();
  expect(result(2n, 0)).toContain('r0');
  expect(result(1n, 1)).toContain('memory');
});

describe('workloads', () => {
  it('of a clone are the examples, long enough to time, and checked', () => {
    const { origin, workloads } = loadWorkloads(undefined);
    expect(origin).toBe('examples');
    expect(workloads.map(({ name }) => name)).toEqual(['packet_parser', 'hash', 'counter', 'sort']);
    const rows = benchInterpreter(workloads, 'quick', { warmUp: 0, measured: 1 });
    expect(rows.map(({ name }) => name)).toEqual(['hash', 'counter', 'sort']);
    expect(rows.every(({ wrong, insns }) => wrong === undefined && insns > 2000)).toBe(true);
  });

  it('with a wrong result are reported, not scored', () => {
    const [workload] = loadWorkloads(undefined).workloads.filter(({ name }) => name === 'hash');
    const broken = { ...workload!, quick: { ...workload!.quick, r0: workload!.quick.r0 + 1n } };
    const [row] = benchInterpreter([broken], 'quick', { warmUp: 0, measured: 1 });
    expect(row!.wrong).toContain('r0 is 0x');
  });
});
