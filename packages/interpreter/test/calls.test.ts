/** Local calls, callx, helpers, callbacks, kfuncs and tail calls. */
import { describe, expect, test } from 'vitest';
import { BpfError } from '@polybpf/errors';
import { type MapDef, type Program } from '@polybpf/isa';
import { createHelperRegistry, createInterpreter, type faultOf, type Helper, type HelperContext, type Interpreter, runProgram, unwindHelper } from '../src/index.ts'; // prettier-ignore
import { exit, imm64, program, row } from './rows.ts';

const r0 = (imm: number): ReturnType<typeof row> => row('mov64_imm', { imm });
const call = (imm: number): ReturnType<typeof row> => row('call_local', { imm });
const helperCall = (imm: number): ReturnType<typeof row> => row('call_helper', { imm });

describe('local calls', () => {
  test('keep r6 to r10 and pass r0 to r5 through', () => {
    const marks = [6, 7, 8, 9].map((dst) => row('mov64_imm', { dst, imm: dst * 11 }));
    const clobbers = [6, 7, 8, 9].map((dst) => row('mov64_imm', { dst, imm: -1 }));
    const source = program([
      ...marks,
      row('mov64_imm', { dst: 1, imm: 5 }),
      call(1),
      exit,
      ...clobbers,
      row('mov64_reg', { dst: 0, src: 1 }),
      row('mov64_imm', { dst: 2, imm: 123 }),
      exit,
    ]);
    const execution = createInterpreter(source).start();
    expect(execution.resume()).toBe('done');
    const { registers } = execution.state();
    expect(registers.slice(6, 10)).toEqual([66n, 77n, 88n, 99n]);
    expect([registers[0], registers[2]]).toEqual([5n, 123n]);
    expect(registers[10]).toBe((1n << 32n) + 512n);
  });

  test('have a frame of their own: the same slot holds different values at every depth', () => {
    // f(n): stack[-8] = n; if (n == 0) return 0; return f(n - 1) + stack[-8]
    const source = program([
      row('mov64_imm', { dst: 1, imm: 7 }),
      row('stxdw', { dst: 10, src: 1, offset: -8 }),
      row('jeq64_imm', { dst: 1, imm: 0, offset: 5 }),
      row('add64_imm', { dst: 1, imm: -1 }),
      call(-4),
      row('ldxdw', { dst: 2, src: 10, offset: -8 }),
      row('add64_reg', { dst: 0, src: 2 }),
      exit,
      r0(0),
      exit,
    ]);
    // 8 frames: main plus 7 calls; the eighth call is one too many.
    expect(createInterpreter(source).run().r0).toBe(28n);
    const deeper = program([row('mov64_imm', { dst: 1, imm: 8 }), ...source.insns.slice(1).map((insn) => [insn])]);
    const { fault } = createInterpreter(deeper).tryRun();
    expect(fault).toMatchObject({ kind: 'call_depth', code: 'E_RUN_CALL_DEPTH', insn: 4 });
    expect(createInterpreter(deeper, { maxCallFrames: 9 }).run().r0).toBe(36n);
  });

  test('a pointer into the frame of the caller works in the callee', () => {
    const source = program([
      row('stdw', { dst: 10, offset: -16, imm: 40 }),
      row('mov64_reg', { dst: 1, src: 10 }),
      row('add64_imm', { dst: 1, imm: -16 }),
      call(2),
      row('ldxdw', { dst: 0, src: 10, offset: -16 }),
      exit,
      row('ldxdw', { dst: 2, src: 1 }),
      row('add64_imm', { dst: 2, imm: 2 }),
      row('stxdw', { dst: 1, src: 2 }),
      row('stdw', { dst: 10, offset: -16, imm: 999 }),
      exit,
    ]);
    expect(createInterpreter(source).run().r0).toBe(42n);
  });

  test('a pointer into the frame of a function that has returned faults', () => {
    const source = program([call(2), row('ldxdw', { dst: 0, src: 0 }), exit, row('mov64_reg', { src: 10 }), row('add64_imm', { imm: -8 }), exit]); // prettier-ignore
    const { fault } = createInterpreter(source).tryRun();
    expect(fault).toMatchObject({ kind: 'memory', insn: 1, region: 'stack of frame 1', access: 'read' });
    expect(fault!.message).toContain('not live');
  });

  test('a frame does not reach into its neighbours', () => {
    const touch = (offset: number): string | undefined =>
      createInterpreter(program([call(1), exit, row('stb', { dst: 10, offset }), exit])).tryRun().fault?.code;
    expect(touch(-512)).toBeUndefined();
    expect(touch(-1)).toBeUndefined();
    expect(touch(0)).toBe('E_RUN_MEMORY');
    expect(touch(-513)).toBe('E_RUN_MEMORY');
  });

  test('a call out of the program faults when it is reached', () => {
    for (const imm of [100, -100, 2147483647, -2147483648]) {
      const { fault } = createInterpreter(program([r0(1), call(imm), exit])).tryRun();
      expect(fault).toMatchObject({ kind: 'jump', code: 'E_RUN_JUMP', insn: 1 });
      expect(createInterpreter(program([r0(1), row('ja', { offset: 1 }), call(imm), exit])).run().r0).toBe(1n);
    }
  });

  test('a jump out of the program or into a second slot faults only when it is taken', () => {
    const source = (imm: number, offset: number): Program =>
      program([row('mov64_imm', { dst: 1, imm }), row('jeq64_imm', { dst: 1, imm: 0, offset }), imm64(0, 9n), exit]);
    for (const offset of [1, 5, -3, 3, 32767, -32768]) {
      expect(createInterpreter(source(1, offset)).run().r0).toBe(9n);
      const result = createInterpreter(source(0, offset)).tryRun();
      expect(result.insnsExecuted).toBe(2);
      expect(result.fault).toMatchObject({ kind: 'jump', insn: 1 });
      expect(result.error!.message).toContain(`insn ${2 + offset}`);
    }
  });

  test('running past the end names the last instruction', () => {
    expect(createInterpreter(program([r0(1), r0(2)])).tryRun()).toMatchObject({ insnsExecuted: 2, fault: { kind: 'jump', insn: 1 } }); // prettier-ignore
    expect(createInterpreter(program([r0(1), imm64(0, 2n)])).tryRun().fault).toMatchObject({ kind: 'jump', insn: 1 });
  });
});

describe('callx', () => {
  test('calls a helper by id', () => {
    const source = program([row('mov64_imm', { dst: 1, imm: -1 }), row('mov64_imm', { dst: 2, imm: 5 }), row('callx', { dst: 2 }), r0(2), exit]); // prettier-ignore
    expect(runProgram(source, { helpers: [unwindHelper(5)] }).r0).toBe(2n);
    expect(createInterpreter(source).tryRun().fault).toMatchObject({ kind: 'helper', insn: 2 });
  });

  test('calls a function by its address', () => {
    const source = program([row('ld_imm64_func', { dst: 3, imm: 3 }), row('callx', { dst: 3 }), exit, r0(77), exit]);
    expect(createInterpreter(source).run().r0).toBe(77n);
  });

  test('refuses what is no function', () => {
    for (const address of [5n << 32n, (2n << 32n) | 4n, 0xffffffff00000000n]) {
      const source = program([imm64(3, address), row('callx', { dst: 3 }), exit]);
      expect(createInterpreter(source).tryRun({ mem: new Uint8Array(8) }).fault).toMatchObject({
        kind: 'jump',
        insn: 2,
      });
    }
    const misaligned = program([row('ld_imm64_func', { dst: 3, imm: 4 }), row('add64_imm', { dst: 3, imm: 4 }), row('callx', { dst: 3 }), exit, r0(1), exit]); // prettier-ignore
    expect(createInterpreter(misaligned).tryRun().fault).toMatchObject({ kind: 'jump', insn: 3 });
  });

  test('code cannot be read or written', () => {
    const source = program([row('ld_imm64_func', { dst: 3, imm: 2 }), row('ldxdw', { dst: 0, src: 3 }), exit, exit]);
    expect(createInterpreter(source).tryRun().fault).toMatchObject({ kind: 'memory', region: 'main' });
  });
});

describe('helpers', () => {
  const sum: Helper = { id: 1, name: 'sum', call: (cx) => [1, 2, 3, 4, 5].reduce((total, n) => total + cx.arg(n), 0n) };

  test('get r1 to r5 and give r0', () => {
    const source = program([helperCall(1), exit]);
    expect(runProgram(source, { helpers: [sum], args: [1, 2, 3, 4, 5n << 40n] }).r0).toBe(10n + (5n << 40n));
    expect(runProgram(source, { helpers: [sum], args: [-1] }).r0).toBe(2n ** 64n - 1n);
  });

  test('may return numbers, bigints, or write registers themselves', () => {
    const source = program([r0(3), helperCall(1), exit]);
    const result = (helper: Helper['call']): bigint => runProgram(source, { helpers: [{ id: 1, call: helper }] }).r0;
    expect(result(() => -5)).toBe(2n ** 64n - 5n);
    expect(result(() => 2 ** 40 + 1)).toBe(2n ** 40n + 1n);
    expect(result(() => -(2 ** 40))).toBe(2n ** 64n - 2n ** 40n);
    expect(result(() => -1n)).toBe(2n ** 64n - 1n);
    expect(result(() => undefined)).toBe(3n);
    expect(result((cx) => cx.setResult(0x1122334455667788n))).toBe(0x1122334455667788n);
    expect(result((cx) => void (cx.regs[0] = 9))).toBe(9n);
  });

  test('leave r1 to r5 alone, or scramble them on request', () => {
    const source = program([row('mov64_imm', { dst: 3, imm: 8 }), helperCall(1), row('mov64_reg', { src: 3 }), exit]);
    expect(runProgram(source, { helpers: [sum] }).r0).toBe(8n);
    const scrambled = runProgram(source, { helpers: [sum], clobber: true }).r0;
    expect(scrambled).not.toBe(8n);
    expect(runProgram(source, { helpers: [sum], clobber: true }).r0).toBe(scrambled);
  });

  test('see memory, program and insn', () => {
    let seen: unknown;
    const helper: Helper = {
      id: 1,
      call(cx) {
        seen = [cx.insn, cx.program.name, cx.arg32(2), cx.memory.read(cx.arg(1), 4)];
        cx.memory.write(cx.arg(1), 4, 0xdeadbeefn);
        return 0;
      },
    };
    const mem = Uint8Array.of(1, 2, 3, 4);
    runProgram(program([r0(0), helperCall(1), exit]), { helpers: [helper], mem });
    expect(seen).toEqual([1, 'main', 4, 0x04030201n]);
    expect([...mem]).toEqual([0xef, 0xbe, 0xad, 0xde]);
  });

  test('faults of a helper are located at the call', () => {
    const source = program([r0(0), helperCall(1), exit]);
    const failing = (body: Helper['call']): ReturnType<typeof faultOf> =>
      createInterpreter(source, { helpers: [{ id: 1, name: 'bad', call: body }] }).tryRun().fault;
    expect(failing((cx) => cx.memory.read(5n, 4))).toMatchObject({ kind: 'memory', insn: 1, address: 5n, access: 'helper_read', width: 4 }); // prettier-ignore
    expect(failing(() => { throw new TypeError('oops'); })).toMatchObject({ kind: 'helper', insn: 1, message: 'helper 1 (bad) failed: oops' }); // prettier-ignore
    expect(failing(() => { throw new BpfError('E_INPUT', 'nope'); })).toMatchObject({ kind: 'helper', insn: 1 }); // prettier-ignore
    expect(failing(() => 0.5)).toMatchObject({ kind: 'helper', insn: 1 });
    expect(failing(() => Number.NaN)).toMatchObject({ kind: 'helper', insn: 1 });
  });

  test('an unknown helper faults when it is reached', () => {
    expect(createInterpreter(program([helperCall(999), exit])).tryRun().fault).toMatchObject({ kind: 'helper', code: 'E_RUN_HELPER', insn: 0 }); // prettier-ignore
    expect(runProgram(program([row('ja', { offset: 1 }), helperCall(999), exit])).r0).toBe(0n);
  });

  test('may end the program, from any depth', () => {
    const source = program([call(2), r0(2), exit, row('mov64_imm', { dst: 1, imm: 0 }), helperCall(5), r0(3), exit]);
    const result = runProgram(source, { helpers: [unwindHelper(5)] });
    expect(result).toEqual({ r0: 0n, insnsExecuted: 3 });
    expect(runProgram(source, { helpers: [{ id: 5, call: (cx) => cx.terminate(-7) }] }).r0).toBe(2n ** 64n - 7n);
  });

  test('cannot run the interpreter that runs them', () => {
    const engine: Interpreter = createInterpreter(program([helperCall(1), exit]), { helpers: [{ id: 1, call: () => engine.run().r0 }] }); // prettier-ignore
    expect(engine.tryRun().fault).toMatchObject({ kind: 'helper', insn: 0 });
    expect(engine.tryRun().error!.message).toContain('is running');
  });

  test('may add memory that the program uses at once', () => {
    const allocate: Helper = {
      id: 1,
      call: (cx) => cx.memory.addressOf(cx.memory.add({ name: 'heap', kind: 'map_value', data: new Uint8Array(8), number: 900 })),
    }; // prettier-ignore
    const source = program([helperCall(1), row('stw', { dst: 0, imm: 31 }), row('ldxw', { src: 0 }), exit]);
    expect(runProgram(source, { helpers: [allocate] }).r0).toBe(31n);
  });
});

describe('callbacks', () => {
  /** bpf_loop(n, callback, ctx). */
  const loop: Helper = {
    id: 181,
    call(cx) {
      const [count, callback, context] = [cx.arg(1), cx.arg(2), cx.arg(3)];
      let k = 0n;
      while (k < count) if (cx.call(callback, [k++, context]) !== 0n) break;
      return k;
    },
  };
  const source = program([
    row('stdw', { dst: 10, offset: -8, imm: 0 }),
    row('mov64_imm', { dst: 6, imm: 66 }),
    row('ld_imm64_func', { dst: 2, imm: 6 }),
    row('mov64_reg', { dst: 3, src: 10 }),
    row('add64_imm', { dst: 3, imm: -8 }),
    helperCall(181),
    row('ldxdw', { dst: 0, src: 10, offset: -8 }),
    exit,
    // callback(i, ctx): *ctx += i; r6 = 1; return i == 9
    row('mov64_imm', { dst: 6, imm: 1 }),
    row('ldxdw', { dst: 3, src: 2 }),
    row('add64_reg', { dst: 3, src: 1 }),
    row('stxdw', { dst: 2, src: 3 }),
    r0(0),
    row('jne64_imm', { dst: 1, imm: 9, offset: 1 }),
    r0(1),
    exit,
  ]);

  test('run functions of the program with their own frame and the same budget', () => {
    const engine = createInterpreter(source, { helpers: [loop] });
    expect(engine.run({ args: [5] }).r0).toBe(10n);
    expect(engine.run({ args: [100] }).r0).toBe(45n);
    expect(engine.run({ args: [3] }).insnsExecuted).toBe(8 + 3 * 7);
    const execution = engine.start({ args: [100] });
    execution.resume();
    expect(execution.state().registers[6]).toBe(66n);
    expect(createInterpreter(source, { helpers: [loop], budget: 20 }).tryRun({ args: [5] })).toMatchObject({ insnsExecuted: 20, fault: { kind: 'budget' } }); // prettier-ignore
  });

  test('count as one step, and are traced instruction by instruction', () => {
    const traced: number[] = [];
    const engine = createInterpreter(source, { helpers: [loop], trace: (cx) => void traced.push(cx.insn) });
    const execution = engine.start({ args: [2] });
    for (let k = 0; k < 6; k++) execution.step();
    expect(execution.state().insn).toBe(7);
    expect(traced).toEqual([0, 1, 2, 4, 5, 6, ...[9, 10, 11, 12, 13, 14, 16], ...[9, 10, 11, 12, 13, 14, 16]]);
  });

  test('faults inside are located inside, and the interpreter can be used again', () => {
    const bad = program([
      row('ld_imm64_func', { dst: 2, imm: 3 }),
      helperCall(181),
      exit,
      row('ldxw', { src: 3 }),
      exit,
    ]);
    const engine = createInterpreter(bad, { helpers: [loop] });
    expect(engine.tryRun({ args: [1] }).fault).toMatchObject({ kind: 'memory', insn: 4 });
    expect(engine.tryRun({ args: [0] })).toMatchObject({ r0: 0n, insnsExecuted: 3 });
  });

  test('may end the program from inside', () => {
    const ending = program([row('ld_imm64_func', { dst: 2, imm: 4 }), helperCall(181), r0(1), exit, row('mov64_imm', { dst: 1 }), helperCall(5), exit]); // prettier-ignore
    expect(runProgram(ending, { helpers: [loop, unwindHelper(5)], args: [4] })).toEqual({ r0: 0n, insnsExecuted: 4 });
  });

  test('nest no deeper than calls do', () => {
    const again: Helper = { id: 1, call: (cx: HelperContext) => cx.call(cx.arg(1), [cx.arg(1)]) };
    const nested = program([row('ld_imm64_func', { dst: 1, imm: 3 }), helperCall(1), exit, helperCall(1), exit]);
    expect(createInterpreter(nested, { helpers: [again] }).tryRun().fault).toMatchObject({ kind: 'call_depth' });
  });
});

describe('kfuncs', () => {
  const kfunc: Helper = { id: 4242, name: 'my_kfunc', call: (cx) => cx.arg(1) + 1n };
  const helpers = createHelperRegistry([], [kfunc]);

  test('are found by BTF id', () => {
    expect(runProgram(program([row('call_kfunc', { imm: 4242 }), exit]), { helpers, args: [1] }).r0).toBe(2n);
    expect(createInterpreter(program([row('call_kfunc', { imm: 4243 }), exit]), { helpers }).tryRun().fault?.kind).toBe('helper'); // prettier-ignore
  });

  test('are found by the name of their relocation', () => {
    const named = (symbol: string, name: string): Program =>
      program([row(name, { imm: -1 }), exit], 'little', {
        relocations: [{ insn: 0, kind: 'kfunc', symbol, addend: 0 }],
      });
    expect(runProgram(named('my_kfunc', 'call_kfunc'), { helpers, args: [1] }).r0).toBe(2n);
    expect(runProgram(named('my_kfunc', 'call_local'), { helpers, args: [1] }).r0).toBe(2n);
    expect(createInterpreter(named('other', 'call_kfunc'), { helpers }).tryRun().fault).toMatchObject({ kind: 'symbol', insn: 0 }); // prettier-ignore
    expect(createInterpreter(named('other', 'call_kfunc'), { helpers }).tryRun().error!.message).toContain('other');
  });
});

describe('tail calls', () => {
  const progs: MapDef = { name: 'progs', kind: 'map', type: 3, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 };
  const tail = (index: number): ReturnType<typeof row>[] => [
    row('ld_imm64_map_idx', { dst: 2, imm: 0 }),
    row('mov64_imm', { dst: 3, imm: index }),
    helperCall(12),
  ];
  const init = (name: string): { name: string; maps: MapDef[] } => ({ name, maps: [progs] });

  test('replace the program and never return', () => {
    const second = program(
      [row('mov64_reg', { src: 1 }), row('add64_imm', { imm: 1 }), exit],
      'little',
      init('second'),
    );
    const first = program([...tail(1), r0(-1), exit], 'little', init('first'));
    const tailCalls = (_: unknown, index: number): Program | undefined => (index === 1 ? second : undefined);
    expect(runProgram(first, { tailCalls, args: [41] })).toEqual({ r0: 42n, insnsExecuted: 6 });
  });

  test('fall through with an errno when they cannot be made', () => {
    const result = (index: number): bigint =>
      BigInt.asIntN(
        64,
        runProgram(program([...tail(index), exit], 'little', init('p')), { tailCalls: () => undefined }).r0,
      );
    expect(result(0)).toBe(-2n);
    expect(result(4)).toBe(-22n);
    expect(result(-1)).toBe(-22n);
  });

  test('happen 33 times at most', () => {
    const self: Program = program([row('add64_imm', { dst: 1, imm: 1 }), ...tail(0), row('mov64_reg', { src: 1 }), exit], 'little', init('self')); // prettier-ignore
    expect(runProgram(self, { tailCalls: () => self }).r0).toBe(34n);
    expect(runProgram(self, { tailCalls: () => self, maxTailCalls: 2 }).r0).toBe(3n);
    const other: Program = program([row('add64_imm', { dst: 1, imm: 1 }), ...tail(1), row('mov64_reg', { src: 1 }), exit], 'little', init('other')); // prettier-ignore
    expect(runProgram(self, { tailCalls: (_, index) => (index === 0 ? other : self) }).r0).toBe(34n);
  });

  test('from a subprogram replace only that: the exit returns to its caller', () => {
    const second = program([r0(5), row('mov64_imm', { dst: 6, imm: -1 }), exit], 'little', init('second'));
    const first = program([row('mov64_imm', { dst: 6, imm: 9 }), call(2), row('add64_reg', { src: 6 }), exit, ...tail(0), r0(0), exit], 'little', init('first')); // prettier-ignore
    expect(runProgram(first, { tailCalls: () => second }).r0).toBe(14n);
    // The count is of the whole run: each round of the loop makes one.
    const loop = program([row('mov64_imm', { dst: 6, imm: 0 }), call(4), row('jne64_imm', { imm: 5, offset: 2 }), row('add64_imm', { dst: 6, imm: 1 }), row('ja', { offset: -4 }), row('ja', { offset: 6 }), ...tail(0), r0(0), exit, row('mov64_reg', { src: 6 }), exit], 'little', init('loop')); // prettier-ignore
    expect(runProgram(loop, { tailCalls: () => second }).r0).toBe(33n);
  });

  test('start a new count of frames', () => {
    const depth7 = (body: ReturnType<typeof row>[]): ReturnType<typeof row>[] => [...Array.from({ length: 7 }, () => [call(1), exit]).flat(), ...body]; // prettier-ignore
    const second = program(depth7([r0(3), exit]), 'little', init('second'));
    const first = program(depth7([...tail(0), r0(0), exit]), 'little', init('first'));
    expect(runProgram(first, { tailCalls: () => second }).r0).toBe(3n);
  });

  test('programs that initial contents name are found by name', () => {
    const map: MapDef = {
      ...progs,
      initialSymbols: [{ offset: 2, size: 8, kind: 'program', symbol: 'second', addend: 0 }],
    };
    const second = program([r0(8), exit], 'little', { name: 'second', maps: [map] });
    const first = program([...tail(2), r0(0), exit], 'little', { name: 'first', maps: [map] });
    expect(runProgram(first, { programs: [first, second] }).r0).toBe(8n);
    expect(runProgram(first).r0).toBe(0n);
  });

  test('faults name the program they happen in', () => {
    const second = program([r0(8), row('ldxw', { src: 0 }), exit], 'little', init('second'));
    const first = program([...tail(0), exit], 'little', init('first'));
    expect(createInterpreter(first, { tailCalls: () => second }).tryRun().fault).toMatchObject({ program: 'second', insn: 1 }); // prettier-ignore
  });

  test('want a program array', () => {
    const hash = { ...progs, type: 1 };
    const source = program([...tail(0), exit], 'little', { maps: [hash] });
    expect(createInterpreter(source).tryRun().fault).toMatchObject({ kind: 'helper', insn: 3 });
    expect(createInterpreter(program([helperCall(12), exit])).tryRun({ args: [0, 77] }).fault).toMatchObject({ kind: 'helper', insn: 0 }); // prettier-ignore
  });
});
