/** Facts of accepted programs hold at each step of runs with random inputs, and programs that are rewritten with them do the same. */
import { arbitraryFrontierProgram, generatorOf } from '@polybpf/fuzz';
import { makeProgram, type Program } from '@polybpf/isa';
import { createVm, defaultEvent, kprobe, skb, xdp, type BpfEvent } from '@polybpf/runtime';
import { applyFacts, type Facts, facts } from '@polybpf/verifier';
import { describe, expect, it } from 'vitest';

const COUNT = Number(process.env['POLYBPF_FACTS_PROGRAMS'] ?? 60);
const RUNS = 2;
/** Instructions of a run; the budget ends loops in both programs at the same step. */
const BUDGET = 4000;

/** Numbers that are the same in each run of the test. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

function eventFor(program: Program, next: () => number): BpfEvent {
  const packet = Uint8Array.from({ length: 14 + ((next() >>> 20) % 200) }, () => next() >>> 24);
  if (program.type === 'xdp') return xdp({ packet });
  if (program.type === 'kprobe') return kprobe({ parm1: next(), parm2: next() });
  if (program.type === 'sched_cls' || program.type === 'socket_filter') return skb({ packet });
  return defaultEvent(program);
}

interface Checked {
  steps: number;
  values: number;
}

function checkRun(program: Program, found: Facts, event: BpfEvent, seed: number, checked: Checked): string {
  let last = -1;
  let depth = 0;
  const wrong: string[] = [];
  using vm = createVm({
    program,
    seed,
    budget: BUDGET,
    trace: ({ insn, callDepth, register }) => {
      checked.steps++;
      if (found.reachable[insn] !== 1) wrong.push(`insn ${insn} is reached`);
      const way = last >= 0 && callDepth === depth ? found.branches[last]! : 0;
      if (way !== 0 && insn !== (way === 1 ? last + program.insns[last]!.offset + 1 : last + 1)) {
        wrong.push(`branch ${last} goes the other way`);
      }
      for (const fact of found.values?.[insn] ?? []) {
        checked.values++;
        const value = BigInt.asUintN(64, register(fact.reg));
        const signed = BigInt.asIntN(64, value);
        const fits =
          value >= fact.umin &&
          value <= fact.umax &&
          signed >= fact.smin &&
          signed <= fact.smax &&
          (value & ~fact.mask) === fact.bits;
        if (!fits) wrong.push(`insn ${insn}: r${fact.reg} is ${signed}`);
      }
      last = insn;
      depth = callDepth;
    },
  });
  const { fault, r0 } = vm.program(program.name).tryRun(event);
  if (fault?.kind === 'memory' && found.inBounds[fault.insn ?? -1] === 1) {
    wrong.push(`fault at ${fault.insn}`);
  }
  expect(wrong.slice(0, 3)).toEqual([]);
  return fault === undefined ? String(r0) : `fault ${fault.insn}`;
}

describe('facts', () => {
  it('hold at each step, and leave the result as it is', { timeout: 900_000 }, () => {
    const generate = generatorOf(arbitraryFrontierProgram(), 11);
    const checked: Checked = { steps: 0, values: 0 };
    let programs = 0;
    let rewritten = 0;
    for (let i = 0; i < COUNT; i++) {
      const { program: made, type } = generate(i);
      const program = makeProgram(made.insns, { name: `p${i}`, type, maps: made.maps, license: 'GPL' });
      const found = facts({ insns: program.insns, maps: program.maps, type });
      if (found === undefined) continue;
      programs++;
      const simpler = applyFacts(program.insns, found);
      const other = makeProgram(simpler, { name: program.name, type, maps: program.maps, license: 'GPL' });
      if (simpler.some((insn, k) => insn.opcode !== program.insns[k]!.opcode)) rewritten++;
      const next = randomOf(i + 1);
      for (let run = 0; run < RUNS; run++) {
        const event = eventFor(program, next);
        const before = checkRun(program, found, event, run, checked);
        using vm = createVm({ program: other, seed: run, budget: BUDGET });
        const { fault, r0 } = vm.program(program.name).tryRun(event);
        expect(fault === undefined ? String(r0) : `fault ${fault.insn}`).toBe(before);
      }
    }
    expect(programs).toBeGreaterThan(COUNT / 5);
    expect(rewritten).toBeGreaterThan(0);
    expect(checked.values).toBeGreaterThan(1000);
    if (process.env['POLYBPF_FACTS_PROGRAMS'] !== undefined) console.log({ programs, rewritten, ...checked });
  });
});
