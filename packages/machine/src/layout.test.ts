import { describe, expect, it } from 'vitest';
import { GUARD_BYTES } from '@polybpf/jit';
import {
  ARENA_BASE,
  ARENA_BYTES,
  arenaAddress,
  HEADER,
  mappingsOf,
  MESSAGE_BYTES,
  planLayout,
  RECORD,
  RECORD_BYTES,
  SIGNAL_STACK,
} from './layout.ts';

const SIZES = { stackBytes: 100_000, slots: 700, codeBytes: 1, dataBytes: 1_000_000, batchBytes: 65_536 };

describe('the layout of shared memory', () => {
  it('has parts that follow each other, on pages of 64 KiB', () => {
    const layout = planLayout(SIZES);
    const starts = [
      0,
      layout.header,
      layout.table,
      layout.code,
      layout.records,
      ...layout.canaries,
      layout.arena,
      layout.data,
      layout.batch,
      layout.length,
    ];
    starts.forEach((start, i) => {
      expect(start % 65536).toBe(0);
      if (i > 0) expect(start).toBeGreaterThan(starts[i - 1]!);
    });
    expect(layout.stackBytes).toBeGreaterThanOrEqual(SIZES.stackBytes);
    expect(layout.code - layout.table).toBeGreaterThanOrEqual(SIZES.slots * 8);
    expect(layout.dataBytes).toBeGreaterThanOrEqual(SIZES.dataBytes);
  });

  it('maps the arena between guard zones and canaries, and all of the file once', () => {
    const layout = planLayout(SIZES);
    const mappings = mappingsOf(layout);
    const starts = mappings.map(([address]) => address);
    expect(starts[1]! + 0x10000 + GUARD_BYTES).toBe(ARENA_BASE);
    expect(starts[2]).toBe(ARENA_BASE);
    expect(starts[3]).toBe(ARENA_BASE + ARENA_BYTES + GUARD_BYTES);
    expect(ARENA_BASE % ARENA_BYTES).toBe(0);
    let end = 0;
    for (const [, offset, length] of [...mappings].sort((a, b) => a[1] - b[1])) {
      expect(offset).toBeGreaterThanOrEqual(end);
      end = offset + length;
    }
    expect(mappings.reduce((sum, [, , length]) => sum + length, 0)).toBe(layout.length);
    expect(arenaAddress(layout, layout.arena)).toBe(ARENA_BASE);
  });

  it('has header fields that do not overlap', () => {
    const { length, ...offsets } = HEADER;
    const sizes: Record<string, number> = {
      input: MESSAGE_BYTES,
      output: MESSAGE_BYTES,
      wallLimit: 32,
      zeros: 32,
      signalAction: 32,
      signalStack: 24,
      arena: 16,
    };
    const fields = Object.entries(offsets).map(([name, start]) => ({ name, start, end: start + (sizes[name] ?? 8) }));
    fields.sort((a, b) => a.start - b.start);
    fields.forEach(({ name, start }, i) => {
      if (i > 0) expect(start, name).toBeGreaterThanOrEqual(fields[i - 1]!.end);
    });
    expect(fields.at(-1)!.end).toBeLessThanOrEqual(length);
    expect(length).toBeLessThanOrEqual(SIGNAL_STACK.offset);
    expect(RECORD.cpuLimit + 32).toBe(RECORD_BYTES);
  });

  it.each([
    [{ dataBytes: 2 ** 30 }, /dataBytes/],
    [{ codeBytes: 2 ** 27 }, /codeBytes/],
    [{ slots: -1 }, /slots/],
    [{ stackBytes: 1.5 }, /stackBytes/],
    [{ batchBytes: Number.NaN }, /batchBytes/],
  ])('refuses %j', (sizes, message) => {
    expect(() => planLayout({ ...SIZES, ...sizes })).toThrow(message);
    expect(() => planLayout({ ...SIZES, ...sizes })).toThrow(expect.objectContaining({ code: 'E_MACHINE_LIMIT' }));
  });
});
