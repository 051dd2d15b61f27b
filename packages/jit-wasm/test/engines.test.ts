/** What vectors and random programs do not reach: hooks, facts, tail calls, callbacks, distrust, entries in mid-run. */
import assert from 'node:assert/strict';
import { assemble } from '@polybpf/asm';
import {
  createArena,
  createInterpreter,
  createMemory,
  type Engine,
  type InterpreterOptions,
} from '@polybpf/interpreter';
import type { MapDef, Program } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { autoEngine, wasmEngine } from '../src/index.ts';
import { ENGINES, HELPERS, observe } from './compare.ts';

function program(...lines: string[]): Program {
  return assemble(lines.join('\n'));
}

/** The same on all engines, several runs of each; gives what the interpreter shows. */
function same(made: Program, input: Parameters<typeof observe>[1] = {}, options: InterpreterOptions = {}): string {
  const expected = observe(made, input, options, 4);
  for (const [name, engine] of Object.entries(ENGINES)) {
    expect(observe(made, input, { ...options, engine: engine() }, 4), name).toBe(expected);
  }
  return expected;
}

const PROG_ARRAY: MapDef = {
  name: 'jump',
  kind: 'map',
  type: 3,
  keySize: 4,
  valueSize: 4,
  maxEntries: 4,
} as MapDef;

function withMap(made: Program): Program {
  return { ...made, maps: [PROG_ARRAY] };
}

describe('engines', () => {
  it('make tail calls, into another program and into the same, until the limit', () => {
    const other = { ...withMap(program('r0 = r6', 'r0 += 5', 'exit')), name: 'other' };
    const main = withMap(program('r6 = 37', 'r2 = map_idx[0] ll', 'r3 = 0', 'call 12', 'r0 = 99', 'exit'));
    const twice = withMap(program('r6 += 1', 'r1 = r6', 'r2 = map_idx[0] ll', 'r3 = 1', 'call 12', 'r0 = r6', 'exit'));
    const tailCalls = (_: unknown, index: number): Program | undefined => [other, twice][index];
    expect(same(main, {}, { tailCalls })).toContain('r0 2a');
    expect(same(twice, {}, { tailCalls, budget: 500 })).toContain('insns');
    // From a subprogram: its caller goes on behind the call.
    const nested = withMap(
      program(
        'r6 = 1',
        'call f',
        'r0 += r6',
        'exit',
        'f:',
        'r6 = 10',
        'r2 = map_idx[0] ll',
        'r3 = 0',
        'call 12',
        'exit',
      ),
    );
    expect(same(nested, {}, { tailCalls })).toContain('r0 10');
  });

  it('run callbacks of helpers, nested in calls', () => {
    const made = program(
      'r1 = func f ll', 'r2 = 5', 'r6 = 100', 'call 2', 'r0 += r6', 'exit',
      'f:', '*(u64 *)(r10 - 8) = r1', 'r0 = *(u64 *)(r10 - 8)', 'r0 *= r2', 'exit',
    ); // prettier-ignore
    same(made);
  });

  it('hand r6 to r9 to a callback that reads them, though it must not', () => {
    expect(same(program('r6 = 100', 'r1 = func f ll', 'call 2', 'exit', 'f:', 'r0 = r6', 'exit'))).toContain('r0 65');
  });

  it('end the program from a helper, however deep', () => {
    same(
      program('call f', 'r0 = 1', 'exit', 'f:', 'call g', 'r0 = 2', 'exit', 'g:', 'r1 = 0', 'call 5', 'r0 = 3', 'exit'),
    );
    same(program('r0 = 1', 'call f', 'exit', 'f:', 'r0 = *(u16 *)skb[100]', 'r0 = 7', 'exit'), {
      packet: new Uint8Array(8),
    });
  });

  it('ask the hook of a region at every load', () => {
    for (const engine of [undefined, wasmEngine(), autoEngine({ threshold: 0 })]) {
      const memory = createMemory(engine === undefined ? {} : { arena: createArena() });
      const region = memory.add({
        name: 'ctx',
        kind: 'ctx',
        data: new Uint8Array(16),
        load: (offset) => BigInt(offset + 100),
      });
      const made = program(
        'r0 = 0',
        'r2 = 5',
        'l:',
        'r3 = *(u32 *)(r1 + 8)',
        'r0 += r3',
        'r2 += -1',
        'if r2 != 0 goto l',
        'exit',
      );
      const interpreter = createInterpreter(made, { memory, ...(engine === undefined ? {} : { engine }) });
      for (let run = 0; run < 5; run++) assert.equal(interpreter.run({ args: [memory.addressOf(region)] }).r0, 540n);
    }
  });

  it('follow a pointer that leaves the region it was expected in', () => {
    // r1 + (r3 - r1) is an address of another region, made from r1.
    const made = program('r3 -= r1', 'r1 += r3', 'r0 = *(u64 *)(r1 + 0)', '*(u64 *)(r1 + 8) = r0', 'exit');
    for (const name of Object.keys(ENGINES)) {
      const memory = createMemory({ arena: createArena() });
      const a = memory.add({ name: 'a', kind: 'mem', data: new Uint8Array(16) });
      const b = memory.add({
        name: 'b',
        kind: 'mem',
        data: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
      });
      const interpreter = createInterpreter(made, { memory, engine: ENGINES[name]!() });
      for (let run = 0; run < 20; run++) {
        assert.equal(interpreter.run({ args: [memory.addressOf(a), 0, memory.addressOf(b)] }).r0, 7n, name);
      }
      assert.equal(b.data[8], 7);
    }
  });

  it('see memory that helpers change, and change memory that helpers see', () => {
    const made = program(
      'r6 = r1', 'r1 = r10', 'r1 += -16', 'r2 = 1', '*(u64 *)(r10 - 16) = r2', 'call 3', 'r0 = *(u64 *)(r10 - 16)', 'r2 = *(u64 *)(r6 + 0)', 'r0 += r2', 'exit',
    ); // prettier-ignore
    same(made, { mem: new Uint8Array(8).fill(1) });
  });

  it('refuse stores that find a slot of the frame by its number', () => {
    const made = program(
      '*(u64 *)(r10 - 8) = r2',
      'r3 = 0x1000001f8 ll',
      'r4 = 77',
      '*(u64 *)(r3 + 0) = r4',
      'r0 = *(u64 *)(r10 - 8)',
      'exit',
    );
    expect(same(made, { args: [1n, 5n] })).toContain('r0 4d');
  });

  it('enter a loop with a jump from the side', () => {
    const made = program(
      'if r2 == 0 goto b',
      'a:',
      'r0 += 1',
      'b:',
      'r0 += 2',
      'r2 += -1',
      'if r2 s> 0 goto a',
      'exit',
    );
    for (const n of [0n, 1n, 7n]) same(made, { args: [0n, n] });
  });

  it('count a budget that ends anywhere in an unrolled loop', () => {
    const made = program(
      'r0 = 0',
      'l:',
      'r0 += 1',
      'r3 = *(u8 *)(r1 + 0)',
      'r3 += r0',
      '*(u8 *)(r1 + 0) = r3',
      'if r0 < 40 goto l',
      'exit',
    );
    for (let budget = 1; budget < 210; budget++) same(made, { mem: new Uint8Array(4) }, { budget });
  });

  it('compile in the middle of a run, and hand the run back for single steps', () => {
    const made = program('r0 = 0', 'r2 = 0', 'l:', 'r0 += r2', 'r2 += 1', 'if r2 < 100000 goto l', 'exit');
    const engine = autoEngine({ threshold: 1000 });
    const interpreter = createInterpreter(made, { engine });
    assert.equal(interpreter.run().r0, 4999950000n);
    const execution = interpreter.start();
    for (let i = 0; i < 10; i++) execution.step();
    interpreter.addBreakpoint(5);
    assert.equal(execution.resume(), 'breakpoint');
    assert.deepEqual([execution.state().insn, execution.state().registers[0]], [5, 4999950000n]);
    assert.equal(execution.resume(), 'done');
    interpreter.removeBreakpoint(5);
    assert.equal(interpreter.run().insnsExecuted, 300003);
  });

  it('leave bounds to facts and catch the rest', () => {
    const made = program('r0 = *(u64 *)(r1 + 0)', 'r2 &= 7', 'r1 += r2', 'r3 = *(u8 *)(r1 + 8)', 'r0 += r3', 'exit');
    const facts = new Uint8Array(made.insns.length);
    facts[3] = 1;
    const mem = Uint8Array.from({ length: 16 }, (_, i) => i);
    const run = (engine: Engine | undefined): bigint =>
      createInterpreter(made, engine === undefined ? {} : { engine }).run({ mem, args: [] }).r0;
    assert.equal(run(wasmEngine({ facts })), run(undefined));
    const { fault } = createInterpreter(made, { engine: wasmEngine({ facts }) }).tryRun({ mem: mem.subarray(0, 4) });
    assert.deepEqual([fault?.insn, fault?.width, fault?.region], [0, 8, 'mem']);
  });

  it('take every option of the interpreter', () => {
    const made = program('r6 = r1', 'call 1', 'r0 = *(u32 *)(r6 + 1)', 'call f', 'exit', 'f:', 'r0 = r1', 'exit');
    const mem = new Uint8Array(16).fill(3);
    for (const options of [
      { clobber: true },
      { alignment: 'all' },
      { alignment: 'none' },
      { stackSize: 64 },
    ] as const) {
      same(made, { mem }, options);
    }
    assert.ok(HELPERS.length > 0);
  });

  it('fault on numbers of regions beyond the table', () => {
    // 1024 is 0 modulo the length of the table, 1026 is the buffer's 2.
    for (const region of [1024, 1026, 0x7fffffff]) {
      same(program(`r3 = ${BigInt(region) << 32n} ll`, 'r3 &= -8', 'r0 = *(u8 *)(r3 + 0)', 'exit'), {
        mem: new Uint8Array(8),
      });
      same(program(`r3 = ${BigInt(region) << 32n} ll`, 'r0 = *(u8 *)(r3 + 0)', 'exit'), { mem: new Uint8Array(8) });
    }
  });

  it('keep pointers of the last round apart from those of this round', () => {
    // mem[0] = &mem[16], then a pointer into the frame; the one of the round before is read once the next one is known.
    const made = program(
      'r6 = r1', 'r2 = r1', 'r2 += 16', '*(u64 *)(r1 + 0) = r2', 'r2 = r10', 'r2 += -16', '*(u64 *)(r1 + 8) = r2',
      'r3 = 7', '*(u64 *)(r10 - 16) = r3', 'r7 = r1', 'r8 = 0', 'r9 = 0',
      'l:', 'r4 = r7', 'r7 = *(u64 *)(r6 + 0)', 'r0 = *(u64 *)(r7 + 0)', 'r9 += r0', 'r0 = *(u64 *)(r4 + 0)', 'r9 += r0', 'r6 += 8', 'r8 += 1', 'if r8 != 2 goto l',
      'r0 = r9', 'exit',
    ); // prettier-ignore
    same(made, { mem: Uint8Array.from({ length: 24 }, (_, i) => i) });
  });

  it('count a jump that goes nowhere once, wherever a slice ends', () => {
    for (const made of [program('r0 = 1', 'r0 += 1', 'r0 += 1', 'goto +5', 'exit'), program('goto +5', 'exit')]) {
      for (let threshold = 1; threshold < 6; threshold++) {
        expect(observe(made, {}, { engine: autoEngine({ threshold }) })).toBe(observe(made, {}, {}));
      }
    }
  });

  it('keep places of the frame true', () => {
    // Of every width, written by wide registers and immediates, read with sign and without.
    for (const [width, load] of [
      ['u8', 's8'],
      ['u16', 's16'],
      ['u32', 's32'],
      ['u64', 'u64'],
    ] as const) {
      for (const stored of ['r2', '-2']) {
        same(program(`*(${width} *)(r10 - 8) = ${stored}`, `r0 = *(${width} *)(r10 - 8)`, `r3 = *(${load} *)(r10 - 8)`, 'r0 += r3', 'exit'), { args: [0n, 0x89abcdef_89abcdefn] }); // prettier-ignore
      }
    }
    // Through a pointer to the frame beside r10 itself.
    expect(
      same(
        program(
          'r3 = r10',
          '*(u64 *)(r10 - 8) = r2',
          'r4 = 77',
          '*(u64 *)(r3 - 8) = r4',
          'r0 = *(u64 *)(r10 - 8)',
          'exit',
        ),
      ),
    ).toContain('r0 4d');
    // Two pointers meet in one register.
    const meet = program('r4 = r10', 'r4 += -8', '*(u8 *)(r10 - 8) = 9', 'r5 = *(u8 *)(r1 + 0)', 'r0 = *(u8 *)(r1 + 1)', 'r3 = r1', 'if r2 == 2 goto l', 'r3 = r4', 'goto m', 'l:', 'r3 += 1', 'm:', 'r0 = *(u8 *)(r3 + 0)', 'r0 += r5', 'exit'); // prettier-ignore
    for (const length of [2, 3]) same(meet, { mem: Uint8Array.from({ length }, (_, i) => i * 16 + 1) });
    // Pointers that are kept there, over a call and over a jump.
    const kept = program('*(u64 *)(r10 - 8) = r1', '*(u64 *)(r10 - 16) = r2', 'call f', 'r1 = *(u64 *)(r10 - 8)', 'r2 = *(u64 *)(r10 - 16)', 'if r0 == 0 goto l', 'r1 += 1', 'l:', 'r0 = *(u8 *)(r1 + 1)', 'r0 += r2', 'exit', 'f:', 'r0 = r2', 'r0 &= 1', '*(u64 *)(r10 - 8) = r0', 'exit'); // prettier-ignore
    for (const length of [4, 5]) same(kept, { mem: Uint8Array.from({ length }, (_, i) => i * 16) });
  });

  it('end the program from a helper below an exit', () => {
    // r1 + (r3 - r1) is no access of the region of r1: compiled code gives up, and the interpreter meets the helper.
    const made = program('r2 = r1', 'r3 = r10', 'r3 += -8', 'call f', 'r0 = 99', 'exit', 'f:', 'r3 -= r1', 'r1 += r3', 'r0 = *(u64 *)(r1 + 0)', 'r1 = 0', 'call 5', 'r0 = 98', 'exit'); // prettier-ignore
    expect(same(made, { mem: new Uint8Array(8) })).toContain('r0 0');
  });

  it('need a memory with an arena', () => {
    assert.throws(() => createInterpreter(program('exit'), { engine: wasmEngine(), memory: createMemory() }), {
      code: 'E_INPUT',
    });
  });
});
