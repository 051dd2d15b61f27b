/** What a program refers to: maps, data, externs, ids, arenas, packets; and limits of a run. */
import { describe, expect, test } from 'vitest';
import { constants, type DataSymbol, INSN_TABLE, makeInsn, type MapDef, type Program } from '@polybpf/isa';
import {
  createInterpreter,
  createMemory,
  DEFAULT_BUDGET,
  type Helper,
  PACKET_REGION,
  runProgram,
} from '../src/index.ts';
import { exit, imm64, program, row } from './rows.ts';

const map = (name: string, init: Partial<MapDef> = {}): MapDef => ({
  name,
  kind: 'map',
  type: 1,
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  flags: 0,
  ...init,
});
const data = (name: string, initial: Uint8Array, init: Partial<MapDef> = {}): MapDef =>
  map(name, { kind: 'data', type: 2, valueSize: initial.length, initial, ...init });
const mapRef = (index: number): ReturnType<typeof row> => row('ld_imm64_map_idx', { dst: 1, imm: index });
const valueRef = (index: number, offset: number): ReturnType<typeof row> =>
  row('ld_imm64_map_idx_value', { dst: 1, imm: index, next: offset });

describe('maps and data', () => {
  test('a data section has its contents and keeps what programs write', () => {
    const maps = [data('.data', Uint8Array.of(1, 0, 0, 0, 41, 0, 0, 0)), map('.bss', { kind: 'bss', valueSize: 4 })];
    const increment = [row('ldxw', { src: 1 }), row('add64_imm', { imm: 1 }), row('stxw', { dst: 1 })];
    const engine = createInterpreter(program([valueRef(0, 4), ...increment, exit], 'little', { maps }));
    expect(engine.run().r0).toBe(42n);
    expect(engine.run().r0).toBe(43n);
    expect(engine.maps[0]!.values!.data[4]).toBe(43);
    expect(maps[0]!.initial![4]).toBe(41);
    expect(createInterpreter(program([valueRef(1, 0), ...increment, exit], 'little', { maps })).run().r0).toBe(1n);
  });

  test('a data section shorter than its map is zero behind', () => {
    const maps = [data('.data', Uint8Array.of(7), { valueSize: 16 })];
    expect(runProgram(program([valueRef(0, 8), row('ldxdw', { src: 1 }), exit], 'little', { maps })).r0).toBe(0n);
    expect(() => createInterpreter(program([exit], 'little', { maps: [data('.data', new Uint8Array(9), { valueSize: 8 })] }))).toThrow(/contents of .data/); // prettier-ignore
  });

  test('rodata and kconfig are read-only, and nothing reaches beyond a section', () => {
    for (const kind of ['rodata', 'kconfig'] as const) {
      const maps = [data('.rodata', Uint8Array.of(5, 6), { kind })];
      expect(runProgram(program([valueRef(0, 1), row('ldxb', { src: 1 }), exit], 'little', { maps })).r0).toBe(6n);
      const write = createInterpreter(program([valueRef(0, 1), row('stb', { dst: 1 }), exit], 'little', { maps }));
      expect(write.tryRun().fault).toMatchObject({ kind: 'memory', region: '.rodata', access: 'write', insn: 2 });
      const beyond = createInterpreter(program([valueRef(0, 1), row('ldxh', { src: 1 }), exit], 'little', { maps }));
      expect(beyond.tryRun().fault).toMatchObject({ region: '.rodata', width: 2 });
    }
  });

  test('a map is a handle that helpers recognise and that cannot be dereferenced', () => {
    const object = { hello: 'world' };
    const maps = [map('first'), map('second')];
    const seen: unknown[] = [];
    const helpers: Helper[] = [
      { id: 1, call: (cx) => void seen.push(cx.mapAt(cx.arg(1))?.def.name, cx.mapAt(cx.arg(1))?.object) },
    ];
    const source = program([mapRef(1), row('call_helper', { imm: 1 }), row('add64_imm', { dst: 1, imm: 1 }), row('call_helper', { imm: 1 }), exit], 'little', { maps }); // prettier-ignore
    createInterpreter(source, { helpers, maps: (def) => (def.name === 'second' ? { object } : undefined) }).run(); // prettier-ignore
    expect(seen).toEqual(['second', object, undefined, undefined]);
    const read = createInterpreter(program([mapRef(0), row('ldxdw', { src: 1 }), exit], 'little', { maps }));
    expect(read.tryRun().fault).toMatchObject({ kind: 'memory', region: 'first', insn: 2 });
  });

  test('values of a map are reachable by address when the embedder gives them', () => {
    const maps = [map('array', { type: 2 })];
    const source = program([valueRef(0, 4), row('ldxw', { src: 1 }), exit], 'little', { maps });
    const values = Uint8Array.of(0, 0, 0, 0, 9, 0, 0, 0);
    expect(createInterpreter(source, { maps: () => ({ values }) }).run().r0).toBe(9n);
    expect(createInterpreter(source).tryRun().fault).toMatchObject({ kind: 'symbol', insn: 0 });
    expect(createInterpreter(source).tryRun().error!.message).toContain('array');
  });

  test('an index without a map faults when it is reached', () => {
    expect(createInterpreter(program([mapRef(3), exit])).tryRun().fault).toMatchObject({ kind: 'symbol', insn: 0 });
    expect(createInterpreter(program([mapRef(-1), exit])).tryRun().fault).toMatchObject({ kind: 'symbol', insn: 0 });
  });

  test('addresses in initial data', () => {
    for (const endian of ['little', 'big'] as const) {
      const symbols: DataSymbol[] = [
        { offset: 0, size: 8, kind: 'map', symbol: 'm', map: 0, addend: 0 },
        { offset: 8, size: 8, kind: 'data', symbol: '.rodata', map: 1, addend: 2 },
        { offset: 16, size: 8, kind: 'subprogram', symbol: 'callee', addend: 0 },
        { offset: 24, size: 8, kind: 'extern', symbol: 'known', addend: 4 },
        { offset: 32, size: 8, kind: 'extern', symbol: 'unknown', addend: 0 },
      ];
      const maps = [map('m'), data('.rodata', Uint8Array.of(1, 2, 3), { kind: 'rodata' }), data('.data', new Uint8Array(40), { initialSymbols: symbols })]; // prettier-ignore
      const at = (offset: number, ...rest: ReturnType<typeof row>[]): Program =>
        program([valueRef(2, offset), row('ldxdw', { src: 1 }), ...rest, exit, row('mov64_imm', { imm: 33 }), exit], endian, {
          maps,
          subprograms: [{ name: 'main', start: 0, end: 4 + rest.length }, { name: 'callee', start: 4 + rest.length, end: 6 + rest.length }],
        }); // prettier-ignore
      const options = { resolve: (reference: { kind: string; symbol?: string }) => (reference.symbol === 'known' ? 1000n : undefined) }; // prettier-ignore
      const engine = createInterpreter(at(0), options);
      expect(engine.run().r0).toBe(engine.maps[0]!.handle);
      expect(runProgram(at(8, row('ldxb', { src: 0 })), options).r0).toBe(3n);
      expect(runProgram(at(16, row('callx', { dst: 0 })), options).r0).toBe(33n);
      expect(runProgram(at(24), options).r0).toBe(1004n);
      expect(runProgram(at(32), options).r0).not.toBe(0n);
      const unresolved = createInterpreter(at(32, row('ldxb', { src: 0 })), options).tryRun();
      expect(unresolved.fault).toMatchObject({ kind: 'symbol', code: 'E_RUN_SYMBOL', region: 'unknown', insn: 3 });
    }
  });

  test('an address that does not fit its field is refused', () => {
    const symbol: DataSymbol = { offset: 0, size: 4, kind: 'map', symbol: 'm', map: 0, addend: 0 };
    const maps = [map('m'), data('.data', new Uint8Array(8), { initialSymbols: [symbol] })];
    expect(() => createInterpreter(program([exit], 'little', { maps }))).toThrow(/4-byte field/);
    const outside = [
      map('m'),
      data('.data', new Uint8Array(8), { initialSymbols: [{ ...symbol, size: 8, offset: 1 }] }),
    ];
    expect(() => createInterpreter(program([exit], 'little', { maps: outside }))).toThrow(/place of m/);
  });
});

describe('symbols', () => {
  const extern = (weak: boolean): Program =>
    program([imm64(0, 0xffffffffn), exit], 'little', { relocations: [{ insn: 0, kind: 'extern', symbol: 'jiffies', addend: 8, weak }] }); // prettier-ignore

  test('an extern is what the embedder says, plus its addend', () => {
    expect(runProgram(extern(false), { resolve: () => 100n }).r0).toBe(108n);
    expect(runProgram(extern(true), { resolve: () => 100n }).r0).toBe(108n);
  });

  test('an unknown extern is an error, an unknown weak one 0', () => {
    const result = createInterpreter(extern(false)).tryRun();
    expect(result.fault).toMatchObject({ kind: 'symbol', code: 'E_RUN_SYMBOL', insn: 0 });
    expect(result.error!.message).toContain('jiffies');
    expect(runProgram(extern(true)).r0).toBe(0n);
  });

  test('a missing function is an error', () => {
    const relocations = [{ insn: 0, kind: 'subprogram', symbol: 'gone', addend: 0 }] as const;
    for (const first of [row('call_local', { imm: -1 }), row('ld_imm64_func', { imm: -1 })]) {
      expect(createInterpreter(program([first, exit], 'little', { relocations })).tryRun().fault).toMatchObject({ kind: 'symbol', insn: 0 }); // prettier-ignore
    }
  });

  test('map descriptors and BTF ids are asked for', () => {
    const asked: unknown[] = [];
    const source = program([
      row('ld_imm64_map_fd', { dst: 1, imm: 3 }),
      row('ld_imm64_map_value', { dst: 2, imm: 4, next: 16 }),
      row('ld_imm64_btf_id', { dst: 0, imm: 5, next: 6 }),
      exit,
    ]);
    expect(runProgram(source, { resolve: (reference) => BigInt(asked.push(reference)) }).r0).toBe(3n);
    expect(asked).toEqual([{ kind: 'map_fd', fd: 3 }, { kind: 'map_value', fd: 4, offset: 16 }, { kind: 'btf_id', id: 5, btfFd: 6 }]); // prettier-ignore
    expect(createInterpreter(source).tryRun().fault).toMatchObject({ kind: 'symbol', insn: 0 });
  });
});

describe('addr_space_cast', () => {
  const cast = (imm: number): ReturnType<typeof row> => row('addr_space_cast', { dst: 0, src: 1, imm });

  test('is a move without an arena', () => {
    expect(runProgram(program([cast(1), exit]), { args: [0x1234567890n] }).r0).toBe(0x1234567890n);
  });

  test('gives addresses of the arena, and null for null', () => {
    const memory = createMemory();
    const arena = memory.add({ name: 'arena', kind: 'arena', data: Uint8Array.of(1, 2, 3, 4) });
    for (const imm of [1, 1 << 16]) {
      const source = program([cast(imm), row('jeq64_imm', { imm: 0, offset: 1 }), row('ldxb', { src: 0 }), exit]);
      expect(runProgram(source, { memory, arena, args: [(77n << 32n) | 2n] }).r0).toBe(3n);
      expect(runProgram(source, { memory, arena, args: [77n << 32n] }).r0).toBe(0n);
    }
  });
});

describe('packet loads', () => {
  const packet = Uint8Array.of(1, 2, 3, 4, 0x85, 6, 7, 8);
  const load = (name: string, imm: number, src = 0): Program => program([row('mov64_imm', { imm: 99 }), row(name, { src, imm }), exit]); // prettier-ignore

  test('are in network byte order and zero-extended, whatever the machine', () => {
    for (const endian of ['little', 'big'] as const) {
      const run = (name: string, imm: number, args: number[] = []): bigint =>
        runProgram(program([row(name, { src: name.startsWith('ldind') ? 2 : 0, imm }), exit], endian), { packet, args })
          .r0;
      expect(run('ldabsb', 4)).toBe(0x85n);
      expect(run('ldabsh', 4)).toBe(0x8506n);
      expect(run('ldabsw', 4)).toBe(0x85060708n);
      expect(run('ldindb', 1, [0, 2])).toBe(4n);
      expect(run('ldindh', -1, [0, 2])).toBe(0x0203n);
      expect(run('ldindw', 0, [0, 4])).toBe(0x85060708n);
    }
  });

  test('outside of the packet end the program with 0', () => {
    for (const [name, imm] of [
      ['ldabsb', 8],
      ['ldabsh', 7],
      ['ldabsw', 5],
      ['ldabsb', -1],
      ['ldabsw', 2147483647],
      ['ldabsb', -2147483648],
    ] as const) {
      // prettier-ignore
      expect(runProgram(load(name, imm), { packet })).toEqual({ r0: 0n, insnsExecuted: 2 });
    }
    expect(runProgram(load('ldindb', 2147483647, 2), { packet, args: [0, 2147483647] }).r0).toBe(0n);
  });

  test('end only themselves when a subprogram makes them: the whole program ends', () => {
    const source = program([row('call_local', { imm: 2 }), row('mov64_imm', { imm: 5 }), exit, row('ldabsb', { imm: 100 }), exit]); // prettier-ignore
    expect(runProgram(source, { packet })).toEqual({ r0: 0n, insnsExecuted: 2 });
  });

  test('with negative offsets count from the headers', () => {
    const input = { data: packet, macOffset: 0, networkOffset: 4 };
    expect(runProgram(load('ldabsb', -0x100000), { packet: input }).r0).toBe(0x85n);
    expect(runProgram(load('ldabsb', -0x100000 + 3), { packet: input }).r0).toBe(8n);
    expect(runProgram(load('ldabsb', -0x100000 + 4), { packet: input }).r0).toBe(0n);
    expect(runProgram(load('ldabsh', -0x200000 + 1), { packet: input }).r0).toBe(0x0203n);
    expect(runProgram(load('ldabsb', -0x100000), { packet }).r0).toBe(0n);
  });

  test('need a packet, which is a region too', () => {
    expect(createInterpreter(load('ldabsb', 0)).tryRun().fault).toMatchObject({ kind: 'opcode', insn: 1 });
    const source = program([imm64(1, BigInt(PACKET_REGION) << 32n), row('ldxb', { src: 1, offset: 2 }), exit]);
    expect(runProgram(source, { packet }).r0).toBe(3n);
  });
});

describe('may_goto', () => {
  test('falls through as often as the limit says, then jumps', () => {
    // loop: may_goto done; r0 += 1; goto loop
    const source = program([row('mov64_imm', {}), row('may_goto', { offset: 2 }), row('add64_imm', { imm: 1 }), row('ja', { offset: -3 }), exit]); // prettier-ignore
    expect(runProgram(source, { mayGotoLimit: 10 }).r0).toBe(10n);
    expect(runProgram(source, { mayGotoLimit: 0 }).r0).toBe(0n);
    expect(runProgram(source).r0).toBe(BigInt(constants.BPF_MAX_LOOPS));
  });

  test('counts for each call of a function anew, and for all of its may_gotos together', () => {
    const source = program([
      row('call_local', { imm: 4 }),
      row('mov64_reg', { dst: 6, src: 0 }),
      row('call_local', { imm: 2 }),
      row('add64_reg', { src: 6 }),
      exit,
      row('mov64_imm', {}),
      row('may_goto', { offset: 3 }),
      row('add64_imm', { imm: 1 }),
      row('may_goto', { offset: 1 }),
      row('ja', { offset: -4 }),
      exit,
    ]);
    expect(runProgram(source, { mayGotoLimit: 10 }).r0).toBe(10n);
  });
});

describe('instructions that cannot be executed', () => {
  test('fault when they are reached and not before', () => {
    const bad = [
      makeInsn(0xff, 0, 0, 0, 0),
      makeInsn(0x07, 0, 3, 0, 1),
      makeInsn(0x07, 11, 0, 0, 1),
      makeInsn(0xb7, 10, 0, 0, 1),
      makeInsn(0x95, 1, 0, 0, 0),
      makeInsn(0xdb, 1, 2, 0, 0x77),
      makeInsn(0x18, 0, 7, 0, 0),
    ];
    for (const insn of bad) {
      const skipped = program([row('mov64_imm', { imm: 4 }), row('ja', { offset: 1 }), [insn], exit]);
      if (insn.opcode !== 0x18) expect(runProgram(skipped).r0).toBe(4n);
      const result = createInterpreter(program([row('mov64_imm', { imm: 4 }), [insn], exit])).tryRun();
      expect(result).toMatchObject({ insnsExecuted: 2, fault: { kind: 'opcode', code: 'E_RUN_OPCODE', insn: 1 } });
    }
  });

  test('include a ld_imm64 with a bad second slot', () => {
    for (const second of [
      makeInsn(1, 0, 0, 0, 0),
      makeInsn(0, 1, 0, 0, 0),
      makeInsn(0, 0, 1, 0, 0),
      makeInsn(0, 0, 0, 1, 0),
    ]) {
      expect(createInterpreter(program([[makeInsn(0x18, 0, 0, 0, 1), second], exit])).tryRun().fault).toMatchObject({ kind: 'opcode', insn: 0 }); // prettier-ignore
    }
    expect(createInterpreter(program([[makeInsn(0x18, 0, 0, 0, 1)]])).tryRun().fault).toMatchObject({ kind: 'opcode', insn: 0 }); // prettier-ignore
    expect(createInterpreter(program([[makeInsn(0x18, 0, 5, 0, 0), makeInsn(0, 0, 0, 0, 1)], exit])).tryRun().fault?.kind).toBe('opcode'); // prettier-ignore
  });

  test('an empty program has nothing to run', () => {
    expect(createInterpreter(program([])).tryRun().fault).toMatchObject({ kind: 'jump', insn: 0 });
  });
});

describe('budget', () => {
  const loop = program([row('add64_imm', { imm: 1 }), row('ja', { offset: -2 })]);

  test('stops before the instruction that is too many', () => {
    for (const budget of [0, 1, 2, 3, 1000, 1_000_001]) {
      const result = createInterpreter(loop, { budget }).tryRun();
      expect(result).toMatchObject({ insnsExecuted: budget, r0: BigInt(Math.ceil(budget / 2)) });
      expect(result.fault).toMatchObject({ kind: 'budget', code: 'E_RUN_BUDGET', insn: budget % 2 });
    }
  });

  test('is enough when it is exactly enough', () => {
    const source = program([row('mov64_imm', { imm: 1 }), imm64(0, 5n), exit]);
    expect(runProgram(source, { budget: 3 })).toEqual({ r0: 5n, insnsExecuted: 3 });
    expect(createInterpreter(source, { budget: 2 }).tryRun().fault?.kind).toBe('budget');
  });

  test('has a default, and bad values are refused', () => {
    expect(DEFAULT_BUDGET).toBe(1_000_000_000);
    for (const budget of [-1, 1.5, Number.NaN, Infinity, 2 ** 60]) expect(() => createInterpreter(loop, { budget })).toThrow(/budget/); // prettier-ignore
    expect(() => createInterpreter(loop, { maxCallFrames: 0 })).toThrow(/maxCallFrames/);
  });
});

describe('arguments', () => {
  const sum = program([1, 2, 3, 4, 5].map((src) => row('add64_reg', { src })).concat([exit]));

  test('r1 to r5 are given, r1 and r2 describe the memory', () => {
    expect(runProgram(sum, { args: [1, 2n, 3, 4n, 5] }).r0).toBe(15n);
    expect(runProgram(program([row('mov64_reg', { src: 2 }), exit]), { mem: new Uint8Array(77) }).r0).toBe(77n);
    expect(runProgram(program([row('mov64_reg', { src: 1 }), exit])).r0).toBe(0n);
    expect(runProgram(program([row('mov64_reg', { src: 1 }), exit]), { mem: new Uint8Array(0) }).r0).toBe(0n);
    expect(runProgram(program([row('mov64_reg', { src: 2 }), exit]), { mem: new Uint8Array(8), args: [0, 5] }).r0).toBe(
      5n,
    );
  });

  test('bad ones are refused', () => {
    expect(() => runProgram(sum, { args: [1, 2, 3, 4, 5, 6] })).toThrow(/at most 5/);
    expect(() => runProgram(sum, { args: [0.5] })).toThrow(/value of r1/);
    expect(() => runProgram(sum, { args: [2 ** 60] })).toThrow(/value of r1/);
  });

  test('a run does not see the registers of the run before', () => {
    const engine = createInterpreter(sum);
    expect(engine.run({ args: [1, 2, 3, 4, 5] }).r0).toBe(15n);
    expect(engine.run().r0).toBe(0n);
  });
});

test('every row of the table is executed by some test program here or next door', () => {
  // A row that the engine does not know would throw a BUG error instead of a fault or a result.
  for (const instruction of INSN_TABLE) {
    const source = program([row(instruction.name, { dst: 1, src: 2 }), exit]);
    expect(() => createInterpreter(source, { budget: 100 }).tryRun({ mem: new Uint8Array(8) })).not.toThrow(); // prettier-ignore
  }
});
