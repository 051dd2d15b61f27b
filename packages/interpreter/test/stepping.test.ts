import { describe, expect, test } from 'vitest';
import { createInterpreter, type MachineState } from '../src/index.ts';
import { exit, imm64, program, row } from './rows.ts';

const source = program(
  [
    row('mov64_imm', { dst: 1, imm: 3 }),
    row('call_local', { imm: 2 }),
    row('add64_imm', { imm: 100 }),
    exit,
    imm64(0, 1n << 40n),
    row('stxdw', { dst: 10, src: 1, offset: -8 }),
    row('add64_reg', { src: 1 }),
    exit,
  ],
  'little',
  { name: 'demo', subprograms: [{ name: 'demo', start: 0, end: 4 }, { name: 'callee', start: 4, end: 9 }] },
); // prettier-ignore

describe('single step', () => {
  test('shows the state before each instruction', () => {
    const execution = createInterpreter(source).start();
    const states: MachineState[] = [...execution.steps()];
    expect(states.map(({ insn }) => insn)).toEqual([0, 1, 4, 6, 7, 8, 2, 3]);
    expect(states.map(({ callDepth }) => callDepth)).toEqual([0, 0, 1, 1, 1, 1, 0, 0]);
    expect(states.map(({ insnsExecuted }) => insnsExecuted)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(states.map(({ registers }) => registers[0])).toEqual([0n, 0n, 0n, 1n << 40n, 1n << 40n, (1n << 40n) + 3n, (1n << 40n) + 3n, (1n << 40n) + 103n]); // prettier-ignore
    expect(execution.status).toBe('done');
    expect(execution.result()).toEqual({ r0: (1n << 40n) + 103n, insnsExecuted: 8 });
  });

  test('shows the frames with their functions and stacks', () => {
    const execution = createInterpreter(source).start();
    for (let k = 0; k < 4; k++) expect(execution.step()).toBe('paused');
    const { frames, registers } = execution.state();
    expect(frames.map(({ program: name, subprogram, insn }) => [name, subprogram, insn])).toEqual([['demo', 'demo', 2], ['demo', 'callee', 7]]); // prettier-ignore
    expect(frames[1]!.framePointer).toBe(registers[10]);
    expect(frames[1]!.framePointer).not.toBe(frames[0]!.framePointer);
    expect([...frames[1]!.stack.subarray(-8)]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
    expect(frames[0]!.stack.every((byte) => byte === 0)).toBe(true);
  });

  test('does nothing after the end', () => {
    const execution = createInterpreter(program([exit])).start();
    expect(execution.step()).toBe('done');
    expect(execution.step()).toBe('done');
    expect(execution.resume()).toBe('done');
    expect(execution.result().insnsExecuted).toBe(1);
  });

  test('stops at a fault and keeps the state', () => {
    const execution = createInterpreter(program([row('mov64_imm', { dst: 7, imm: 5 }), row('ldxb', { src: 7 }), exit])).start(); // prettier-ignore
    expect(execution.step()).toBe('paused');
    expect(execution.step()).toBe('fault');
    expect(execution.step()).toBe('fault');
    expect(execution.state()).toMatchObject({ insn: 1, insnsExecuted: 2 });
    expect(execution.result().fault).toMatchObject({ kind: 'memory', insn: 1, address: 5n });
    expect(execution.result().error?.code).toBe('E_RUN_MEMORY');
  });

  test('an older execution cannot go on after a new run', () => {
    const engine = createInterpreter(source);
    const execution = engine.start();
    execution.step();
    engine.run();
    expect(() => execution.step()).toThrow(/another run/);
  });

  test('honours the budget', () => {
    const execution = createInterpreter(source, { budget: 2 }).start();
    expect([execution.step(), execution.step(), execution.step()]).toEqual(['paused', 'paused', 'fault']);
    expect(execution.result()).toMatchObject({ insnsExecuted: 2, fault: { kind: 'budget', insn: 4 } });
  });
});

describe('breakpoints', () => {
  const loop = program([
    row('mov64_imm', {}),
    row('add64_imm', { imm: 1 }),
    row('jne64_imm', { imm: 5, offset: -2 }),
    exit,
  ]);

  test('stop before the instruction, every time', () => {
    const engine = createInterpreter(loop);
    engine.addBreakpoint(1);
    const execution = engine.start();
    for (let k = 0; k < 5; k++) {
      expect(execution.resume()).toBe('breakpoint');
      expect(execution.state()).toMatchObject({ insn: 1, insnsExecuted: 1 + 2 * k });
      expect(execution.state().registers[0]).toBe(BigInt(k));
    }
    expect(execution.resume()).toBe('done');
    expect(execution.result()).toEqual({ r0: 5n, insnsExecuted: 12 });
  });

  test('on neighbouring instructions, on the first one, and taken away', () => {
    const engine = createInterpreter(loop);
    for (const insn of [0, 1, 2, 3]) engine.addBreakpoint(insn);
    const execution = engine.start();
    const places: number[] = [];
    while (execution.resume() === 'breakpoint') places.push(execution.state().insn);
    expect(places).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 3]);
    for (const insn of [0, 1, 2]) engine.removeBreakpoint(insn);
    const second = engine.start();
    expect(second.resume()).toBe('breakpoint');
    expect(second.state().insn).toBe(3);
  });

  test('do not disturb run and step', () => {
    const engine = createInterpreter(loop);
    const plain = engine.run();
    engine.addBreakpoint(1);
    engine.addBreakpoint(0);
    expect(engine.run()).toEqual(plain);
    const execution = engine.start();
    let steps = 0;
    while (execution.step() === 'paused') steps++;
    expect(steps + 1).toBe(plain.insnsExecuted);
    expect(execution.result()).toEqual(plain);
  });

  test('belong on instructions', () => {
    const engine = createInterpreter(source);
    for (const insn of [-1, 5, 9, 1.5]) expect(() => engine.addBreakpoint(insn)).toThrow(/breakpoint/);
  });
});

describe('trace', () => {
  test('sees every instruction once, before it runs', () => {
    const lines: string[] = [];
    const engine = createInterpreter(source, { trace: (cx) => void lines.push(`${cx.insn}/${cx.callDepth} r0=${cx.register(0)} n=${cx.insnsExecuted}`) }); // prettier-ignore
    const result = engine.run();
    expect(lines.slice(0, 4)).toEqual(['0/0 r0=0 n=0', '1/0 r0=0 n=1', '4/1 r0=0 n=2', `6/1 r0=${1n << 40n} n=3`]);
    expect(lines.length).toBe(result.insnsExecuted);
    expect(createInterpreter(source).run()).toEqual(result);
  });

  test('and breakpoints together count nothing twice', () => {
    const places: number[] = [];
    const engine = createInterpreter(source, { trace: (cx) => void places.push(cx.insn) });
    engine.addBreakpoint(6);
    const execution = engine.start();
    while (execution.resume() === 'breakpoint');
    expect(places).toEqual([0, 1, 4, 6, 7, 8, 2, 3]);
    expect(execution.result().insnsExecuted).toBe(8);
  });
});
