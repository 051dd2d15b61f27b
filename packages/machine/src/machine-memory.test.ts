import { describe, expect, it } from 'vitest';
import { ARENA_BASE, CODE_BASE, planLayout, SHARED_BASE } from './layout.ts';
import { arenaMemory, createMachineMemory } from './machine-memory.ts';
import type { SharedFile } from './shared-file.ts';

const LAYOUT = planLayout({ stackBytes: 1, slots: 1, codeBytes: 1, dataBytes: 1, batchBytes: 1 });

function setUp(endian: 'little' | 'big' = 'little') {
  const bytes = new Uint8Array(LAYOUT.length);
  const file: SharedFile = {
    fd: -1,
    read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
    write: (offset, from) => bytes.set(from, offset),
    close: () => undefined,
  };
  return { bytes, memory: createMachineMemory(file, LAYOUT, endian) };
}

const BASE = BigInt(SHARED_BASE);

describe('memory of a machine', () => {
  it('reads and writes integers in the byte order of the target', () => {
    for (const endian of ['little', 'big'] as const) {
      const { bytes, memory } = setUp(endian);
      memory.write(BASE + 8n, 4, 0x11223344n);
      expect([...bytes.subarray(8, 12)]).toEqual(
        endian === 'little' ? [0x44, 0x33, 0x22, 0x11] : [0x11, 0x22, 0x33, 0x44],
      );
      expect(memory.read(BASE + 8n, 4)).toBe(0x11223344n);
      memory.write(BASE + 16n, 8, -1n);
      expect(memory.read(BASE + 16n, 8)).toBe(2n ** 64n - 1n);
    }
  });

  it('writes views back when they were asked for to be written', () => {
    const { bytes, memory } = setUp();
    memory.view(BASE, 4)[0] = 1;
    memory.view(BASE + 4n, 4, 'helper_write')[1] = 2;
    expect(bytes[5]).toBe(0);
    memory.flush();
    expect([bytes[0], bytes[5]]).toEqual([0, 2]);
  });

  it('shows pending writes to whoever reads, and the other way round', () => {
    const { bytes, memory } = setUp();
    const view = memory.view(BASE, 8, 'write');
    view[3] = 9;
    expect(memory.read(BASE + 3n, 1)).toBe(9n);
    expect([...memory.view(BASE + 2n, 3)]).toEqual([0, 9, 0]);
    memory.write(BASE + 4n, 1, 5n);
    expect(view[4]).toBe(5);
    memory.flush();
    expect([...bytes.subarray(0, 8)]).toEqual([0, 0, 0, 9, 5, 0, 0, 0]);
  });

  it('reads strings up to their zero', () => {
    const { memory } = setUp();
    memory.writeBytes(BASE, new TextEncoder().encode('hello\0world'));
    expect(new TextDecoder().decode(memory.readCString(BASE))).toBe('hello');
    expect(new TextDecoder().decode(memory.readCString(BASE, 3))).toBe('hel');
  });

  it('refuses what is outside, across the end, or code that is to be written', () => {
    const { memory } = setUp();
    const fault = expect.objectContaining({ code: 'E_RUN_MEMORY' });
    const end = BASE + BigInt(LAYOUT.controlBytes);
    const arenaEnd = BigInt(ARENA_BASE + LAYOUT.arenaBytes);
    for (const address of [0n, BASE - 1n, end - 3n, end, BigInt(ARENA_BASE) - 1n, arenaEnd - 3n, 2n ** 63n, -8n])
      expect(() => memory.read(address, 4)).toThrow(fault);
    expect(memory.read(end - 4n, 4)).toBe(0n);
    expect(memory.read(arenaEnd - 4n, 4)).toBe(0n);
    expect(() => memory.view(BASE, -1)).toThrow(fault);
    expect(() => memory.view(BASE, 1.5)).toThrow(fault);
    expect(memory.read(BigInt(CODE_BASE), 4)).toBe(0n);
    expect(() => memory.write(BigInt(CODE_BASE), 4, 0n)).toThrow(fault);
  });

  it('has an arena for sandboxed programs that lets nothing else through', () => {
    const { memory } = setUp();
    const arena = arenaMemory(memory, LAYOUT);
    const fault = expect.objectContaining({ code: 'E_RUN_MEMORY' });
    const first = BigInt(ARENA_BASE);
    const end = first + BigInt(LAYOUT.arenaBytes);
    arena.write(first, 8, 5n);
    arena.writeBytes(end - 1n, Uint8Array.of(7));
    expect([memory.read(first, 8), arena.read(end - 1n, 1)]).toEqual([5n, 7n]);
    for (const address of [BASE, first - 1n, end - 7n, end, BigInt(CODE_BASE), -8n, 0n]) {
      expect(() => arena.read(address, 8)).toThrow(fault);
      expect(() => arena.write(address, 8, 0n)).toThrow(fault);
      expect(() => arena.view(address, 8, 'helper_write')).toThrow(fault);
      expect(() => arena.writeBytes(address, new Uint8Array(8))).toThrow(fault);
    }
    expect(() => arena.readCString(BASE)).toThrow(fault);
  });
});
