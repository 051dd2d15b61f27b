/** Loads, stores and atomics: values in both byte orders, and faults that say exactly what happened. */
import { describe, expect, test } from 'vitest';
import { type Endian, INSN_TABLE, type InsnRow } from '@polybpf/isa';
import { createInterpreter, createMemory, faultOf, MEM_REGION, type RunFault, STACK_REGION } from '../src/index.ts';
import { atomicResult, EDGES } from './oracle.ts';
import { exit, imm64, program, row } from './rows.ts';

const ENDIANS: readonly Endian[] = ['little', 'big'];
const rowsOf = (...kinds: InsnRow['kind'][]): InsnRow[] => INSN_TABLE.filter(({ kind }) => kinds.includes(kind));
const MEM = BigInt(MEM_REGION) << 32n;

function get(bytes: Uint8Array, at: number, width: number, endian: Endian): bigint {
  const part = [...bytes.subarray(at, at + width / 8)];
  return (endian === 'big' ? part : part.reverse()).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function put(bytes: Uint8Array, at: number, width: number, endian: Endian, value: bigint): void {
  for (let k = 0; k < width / 8; k++) {
    bytes[at + (endian === 'little' ? k : width / 8 - 1 - k)] = Number((value >> BigInt(8 * k)) & 0xffn);
  }
}

/** Deterministic bytes without a pattern that a wrong offset could hide in. */
function noise(length: number): Uint8Array {
  let state = 12345;
  return Uint8Array.from({ length }, () => ((state = Math.imul(state, 1103515245) + 12345) >>> 16) & 0xff);
}

describe('values', () => {
  test.each(rowsOf('load', 'load_acquire'))('$name loads at every offset', (instruction) => {
    const { width, signedFrom } = instruction;
    const step = instruction.kind === 'load_acquire' ? width / 8 : 1;
    for (const endian of ENDIANS) {
      const mem = noise(40);
      for (let offset = 0; offset + width / 8 <= mem.length; offset += step) {
        const engine = createInterpreter(program([row(instruction.name, { dst: 0, src: 1, offset }), exit], endian));
        const raw = get(mem, offset, width, endian);
        const expected = signedFrom === 0 ? raw : BigInt.asUintN(64, BigInt.asIntN(signedFrom, raw));
        expect(engine.run({ mem }).r0).toBe(expected);
      }
    }
  });

  test.each(rowsOf('load', 'load_acquire'))('$name may overwrite its own base', (instruction) => {
    const mem = noise(16);
    const engine = createInterpreter(program([row(instruction.name, { dst: 1, src: 1 }), row('mov64_reg', { src: 1 }), exit])); // prettier-ignore
    const raw = get(mem, 0, instruction.width, 'little');
    const expected =
      instruction.signedFrom === 0 ? raw : BigInt.asUintN(64, BigInt.asIntN(instruction.signedFrom, raw));
    expect(engine.run({ mem }).r0).toBe(expected);
  });

  test.each(rowsOf('store', 'store_release'))('$name stores the low bits and nothing else', (instruction) => {
    for (const endian of ENDIANS) {
      for (const value of EDGES) {
        const mem = noise(24);
        const expected = mem.slice();
        put(expected, 8, instruction.width, endian, value);
        const engine = createInterpreter(program([row(instruction.name, { dst: 1, src: 3, offset: 8 }), exit], endian));
        engine.run({ mem, args: [MEM, 24, value] });
        expect(mem).toEqual(expected);
      }
    }
  });

  test.each(rowsOf('store_imm'))('$name stores a sign-extended immediate', (instruction) => {
    for (const endian of ENDIANS) {
      for (const imm of [0, 1, -1, 0x12345678, -2147483648, 2147483647]) {
        const mem = noise(24);
        const expected = mem.slice();
        put(expected, 5, instruction.width, endian, BigInt.asUintN(64, BigInt(imm)));
        createInterpreter(program([row(instruction.name, { dst: 1, offset: 5, imm }), exit], endian)).run({ mem });
        expect(mem).toEqual(expected);
      }
    }
  });

  test.each(rowsOf('atomic'))('$name: memory, fetched value and registers', (instruction) => {
    const values = EDGES.filter((_, k) => k % 3 === 0);
    for (const endian of ENDIANS) {
      const engine = createInterpreter(program([row('mov64_reg', { src: 4 }), row(instruction.name, { dst: 1, src: 3, offset: 8 }), exit], endian)); // prettier-ignore
      for (const memory of values) {
        for (const value of values) {
          for (const r0 of [memory, BigInt.asUintN(64, memory + (1n << 32n)), value, 0n]) {
            const mem = noise(24);
            put(mem, 8, instruction.width, endian, memory);
            const expected = mem.slice();
            const result = atomicResult(instruction, memory, value, r0);
            put(expected, 8, instruction.width, endian, result.memory);
            const execution = engine.start({ mem, args: [MEM, 24, value, r0] });
            execution.resume();
            const { registers } = execution.state();
            expect(mem).toEqual(expected);
            const isCmpxchg = instruction.op === 'cmpxchg';
            expect(registers[0]).toBe(isCmpxchg ? result.fetched : r0);
            expect(registers[3]).toBe(isCmpxchg ? value : (result.fetched ?? value));
          }
        }
      }
    }
  });

  test('a fetch into the register that holds the address', () => {
    const mem = new Uint8Array(8);
    mem[0] = 9;
    const engine = createInterpreter(program([row('atomic_fetch_add64', { dst: 1, src: 1 }), row('mov64_reg', { src: 1 }), exit])); // prettier-ignore
    expect(engine.run({ mem }).r0).toBe(9n);
    expect(get(mem, 0, 64, 'little')).toBe(MEM + 9n);
  });
});

function faultAt(
  name: string,
  fields: { offset?: number; base?: bigint; imm?: number },
  mem: Uint8Array = noise(16),
): RunFault {
  const dst = row(name, {})[0]!;
  const isLoad = INSN_TABLE.find((candidate) => candidate.name === name)!.kind.startsWith('load');
  const { offset = 0, base = MEM, imm = 0 } = fields;
  expect(dst.opcode).toBeGreaterThan(0);
  const access = row(name, { dst: isLoad ? 0 : 6, src: isLoad ? 6 : 0, offset, imm });
  const engine = createInterpreter(program([imm64(6, base), access, exit]));
  const before = mem.slice();
  const result = engine.tryRun({ mem });
  expect(result.fault, `${name} must fault`).toBeDefined();
  expect(mem, 'memory is as before').toEqual(before);
  expect(result.insnsExecuted).toBe(2);
  expect(faultOf(result.error)).toBe(result.fault);
  return result.fault!;
}

describe('faults', () => {
  const accesses = rowsOf('load', 'store', 'store_imm', 'atomic', 'load_acquire', 'store_release');

  test.each(accesses)('$name just inside and just outside of its region', (instruction) => {
    const bytes = instruction.width / 8;
    const access = instruction.kind === 'atomic' ? 'atomic' : instruction.kind.startsWith('load') ? 'read' : 'write';
    const fits = createInterpreter(program([row(instruction.name, { dst: access === 'read' ? 0 : 1, src: access === 'read' ? 1 : 0, offset: 16 - bytes }), exit])); // prettier-ignore
    expect(fits.tryRun({ mem: noise(16) }).fault).toBeUndefined();
    for (const offset of [16 - bytes + 1, 16, 17, 32767, -1, -bytes, -32768]) {
      const fault = faultAt(instruction.name, { offset });
      const address = BigInt.asUintN(64, MEM + BigInt(offset));
      expect(fault).toMatchObject({ kind: 'memory', code: 'E_RUN_MEMORY', insn: 2, program: 'main', address, width: bytes, access }); // prettier-ignore
      expect(fault.region).toBe(offset < 0 ? 'stack' : 'mem');
    }
  });

  test.each(accesses)('$name at null, small integers and nowhere', (instruction) => {
    for (const base of [
      0n,
      1n,
      4096n,
      0xffffffffn,
      0xffffffffffffffffn,
      0x7fffffff00000000n,
      0x8000000000000000n,
      99n << 32n,
    ]) {
      const fault = faultAt(instruction.name, { base });
      expect(fault).toMatchObject({ kind: 'memory', address: base, region: null });
    }
  });

  test.each(accesses)('$name never wraps from the end of one region into another', (instruction) => {
    const high = MEM + 0xffffffffn;
    expect(faultAt(instruction.name, { base: high }).address).toBe(high);
    for (const offset of [1, 9, 100]) {
      expect(faultAt(instruction.name, { base: high, offset }).address).toBe(high + BigInt(offset));
    }
    expect(faultAt(instruction.name, { base: MEM + 0x80000000n }).region).toBe('mem');
    expect(faultAt(instruction.name, { base: 0xffffffffffffffffn, offset: 8 }).address).toBe(7n);
  });

  test('a base just below a region is fine when the offset leads into it', () => {
    const mem = noise(16);
    const engine = createInterpreter(program([imm64(6, MEM - 8n), row('ldxdw', { src: 6, offset: 12 }), exit]));
    expect(engine.run({ mem }).r0).toBe(get(mem, 4, 64, 'little'));
    const store = createInterpreter(program([imm64(6, MEM - 8n), row('stb', { dst: 6, offset: 8, imm: 77 }), exit]));
    store.run({ mem });
    expect(mem[0]).toBe(77);
  });

  test('permissions', () => {
    const memory = createMemory();
    const secret = memory.add({ name: 'secret', kind: 'data', data: noise(8), readable: false });
    const constant = memory.add({ name: 'constant', kind: 'rodata', data: noise(8), writable: false });
    const touch = (name: string, base: bigint): RunFault | undefined => {
      const isLoad = name.startsWith('ld');
      const access = row(name, isLoad ? { src: 1 } : { dst: 1 });
      return createInterpreter(program([access, exit]), { memory }).tryRun({ args: [base] }).fault;
    };
    expect(touch('ldxw', memory.addressOf(secret))).toMatchObject({ region: 'secret', access: 'read' });
    expect(touch('stw', memory.addressOf(secret))).toBeUndefined();
    expect(touch('atomic_add32', memory.addressOf(secret))).toMatchObject({ region: 'secret', access: 'atomic' });
    expect(touch('ldxw', memory.addressOf(constant))).toBeUndefined();
    expect(touch('stw', memory.addressOf(constant))).toMatchObject({ region: 'constant', access: 'write' });
    expect(touch('atomic_add32', memory.addressOf(constant))).toMatchObject({ region: 'constant', access: 'atomic' });
    expect(touch('atomic_add32', memory.addressOf(constant))!.message).toContain('read-only');
  });

  test('a read-only mem', () => {
    const engine = createInterpreter(program([row('stb', { dst: 1, imm: 1 }), exit]));
    expect(engine.tryRun({ mem: noise(4), memWritable: false }).fault).toMatchObject({
      region: 'mem',
      access: 'write',
    });
    expect(engine.tryRun({ mem: noise(4) }).fault).toBeUndefined();
  });

  test('the stack is 512 bytes below r10', () => {
    const touch = (offset: number, name = 'stb'): RunFault | undefined =>
      createInterpreter(program([row(name, { dst: 10, offset }), row('mov64_imm', {}), exit])).tryRun().fault;
    expect(touch(-1)).toBeUndefined();
    expect(touch(-512)).toBeUndefined();
    expect(touch(-8, 'stdw')).toBeUndefined();
    expect(touch(-7, 'stdw')).toMatchObject({ region: 'stack', width: 8 });
    expect(touch(0)).toMatchObject({ region: 'stack', address: (BigInt(STACK_REGION) << 32n) + 512n });
    expect(touch(-513)).toMatchObject({ address: (BigInt(STACK_REGION) << 32n) - 1n, region: null });
  });

  test('the stack is zero at the start of every run', () => {
    const engine = createInterpreter(program([row('ldxdw', { src: 10, offset: -8 }), row('stdw', { dst: 10, offset: -8, imm: 5 }), exit])); // prettier-ignore
    expect(engine.run().r0).toBe(0n);
    expect(engine.run().r0).toBe(0n);
  });

  test('a removed region faults', () => {
    const memory = createMemory();
    const region = memory.add({ name: 'gone', kind: 'data', data: noise(8) });
    const engine = createInterpreter(program([row('ldxw', { src: 1 }), exit]), { memory });
    expect(engine.tryRun({ args: [memory.addressOf(region)] }).fault).toBeUndefined();
    memory.remove(region.number);
    expect(engine.tryRun({ args: [memory.addressOf(region)] }).fault).toMatchObject({ kind: 'memory', region: null });
  });

  test('regions beyond the first table work', () => {
    const memory = createMemory();
    for (let k = 0; k < 300; k++) memory.add({ name: `r${k}`, kind: 'data', data: Uint8Array.of(k & 255, k >> 8) });
    const engine = createInterpreter(program([row('ldxh', { src: 1 }), exit]), { memory });
    for (const k of [0, 20, 299]) {
      const region = memory.regions.find(({ name }) => name === `r${k}`)!;
      expect(engine.run({ args: [memory.addressOf(region)] }).r0).toBe(BigInt(k));
    }
  });
});

describe('alignment', () => {
  const atomics = rowsOf('atomic', 'load_acquire', 'store_release').filter(({ width }) => width > 8);
  const engineFor = (name: string, offset: number, alignment?: 'atomics' | 'all' | 'none'): RunFault | undefined => {
    const isLoad = INSN_TABLE.find((candidate) => candidate.name === name)!.kind.startsWith('load');
    const access = row(name, { dst: isLoad ? 0 : 1, src: isLoad ? 1 : 0, offset });
    return createInterpreter(program([access, exit]), alignment === undefined ? {} : { alignment }).tryRun({ mem: noise(32) }).fault; // prettier-ignore
  };

  test.each(atomics)('$name wants a multiple of its width', ({ name, width }) => {
    for (let offset = 0; offset < 16; offset++) {
      const aligned = offset % (width / 8) === 0;
      expect(engineFor(name, offset)?.code).toBe(aligned ? undefined : 'E_RUN_ALIGN');
      expect(engineFor(name, offset, 'none')).toBeUndefined();
    }
    expect(engineFor(name, 1)).toMatchObject({ kind: 'alignment', insn: 0, region: 'mem', address: MEM + 1n, width: width / 8 }); // prettier-ignore
  });

  test.each(rowsOf('load', 'store', 'store_imm'))(
    '$name may be misaligned, unless asked otherwise',
    ({ name, width }) => {
      for (let offset = 0; offset < 16; offset++) {
        expect(engineFor(name, offset)).toBeUndefined();
        expect(engineFor(name, offset, 'all')?.code).toBe(offset % (width / 8) === 0 ? undefined : 'E_RUN_ALIGN');
      }
    },
  );

  test('loads and stores under full alignment checks compute the same', () => {
    for (const instruction of rowsOf('load')) {
      const source = program([row(instruction.name, { src: 1, offset: 8 }), exit]);
      const mem = noise(16);
      expect(createInterpreter(source, { alignment: 'all' }).run({ mem }).r0).toBe(createInterpreter(source).run({ mem }).r0); // prettier-ignore
    }
  });
});

describe('Memory', () => {
  test('reads and writes in its byte order', () => {
    for (const endian of ENDIANS) {
      const memory = createMemory({ endian });
      const region = memory.add({ name: 'x', kind: 'data', data: new Uint8Array(16) });
      for (const width of [1, 2, 4, 8] as const) {
        memory.write(memory.addressOf(region, 3), width, 0x1122334455667788n);
        expect(get(region.data, 3, width * 8, endian)).toBe(BigInt.asUintN(width * 8, 0x1122334455667788n));
        expect(memory.read(memory.addressOf(region, 3), width)).toBe(BigInt.asUintN(width * 8, 0x1122334455667788n));
      }
      expect(() => memory.read(memory.addressOf(region, 9), 8)).toThrow(/read by a helper of 8 bytes/);
      expect(() => memory.write(memory.addressOf(region, 16), 1, 0n)).toThrow(/write by a helper/);
      expect(() => memory.view(memory.addressOf(region, 0), 17)).toThrow(/E_RUN|16 bytes/);
      expect(memory.view(memory.addressOf(region, 16), 0).length).toBe(0);
    }
  });

  test('strings end at a zero or at the limit, and fault at the end of the region', () => {
    const memory = createMemory();
    const region = memory.add({ name: 's', kind: 'data', data: new TextEncoder().encode('abc\0def') });
    const text = (offset: number, limit?: number): string => new TextDecoder().decode(memory.readCString(memory.addressOf(region, offset), limit)); // prettier-ignore
    expect(text(0)).toBe('abc');
    expect(text(0, 2)).toBe('ab');
    expect(text(4, 3)).toBe('def');
    expect(() => text(4)).toThrow(/read by a helper/);
    expect(() => text(8)).toThrow(/read by a helper/);
  });

  test('refuses bad numbers', () => {
    const memory = createMemory();
    for (const number of [0, -1, 65536, 1.5]) {
      expect(() => memory.add({ name: 'x', kind: 'data', data: new Uint8Array(1), number })).toThrow(
        /number of region x/,
      );
    }
  });

  test('has the byte order of the program', () => {
    expect(() => createInterpreter(program([exit], 'big'), { memory: createMemory() })).toThrow(/byte order/);
  });
});
