import { describe, expect, it } from 'vitest';
import { createRegionAllocator } from './region-allocator.ts';

describe('a region allocator', () => {
  it('never hands out the same byte twice, keeps alignment, and gets everything back', () => {
    const allocator = createRegionAllocator(0x1000, 0x10000, 'dataBytes');
    const live = new Map<number, number>();
    let state = 1;
    const random = (below: number): number => (state = (state * 48271) % 2147483647) % below;
    for (let i = 0; i < 3000; i++) {
      if (random(3) > 0) {
        const bytes = 1 + random(400);
        const alignment = 1 << random(9);
        let address: number;
        try {
          address = allocator.allocate(bytes, alignment);
        } catch {
          continue;
        }
        expect(address % alignment).toBe(0);
        expect(address >= 0x1000 && address + bytes <= 0x11000).toBe(true);
        const free = [...live].every(([start, length]) => address + bytes <= start || start + length <= address);
        expect(free).toBe(true);
        live.set(address, bytes);
      } else {
        const [address] = [...live.keys()].slice(random(Math.max(1, live.size)));
        if (address === undefined) continue;
        live.delete(address);
        allocator.release(address);
      }
    }
    for (const address of live.keys()) allocator.release(address);
    expect(allocator.allocate(0x10000)).toBe(0x1000);
  });

  it('says how much is left and which option makes more', () => {
    const allocator = createRegionAllocator(0, 1024, 'codeBytes');
    allocator.allocate(1000);
    expect(() => allocator.allocate(100)).toThrow(
      expect.objectContaining({ code: 'E_MACHINE_LIMIT', message: expect.stringContaining('codeBytes'), got: '100' }),
    );
  });

  it('ignores what it has not handed out', () => {
    const allocator = createRegionAllocator(0, 128, 'codeBytes');
    allocator.allocate(128);
    allocator.release(64);
    expect(() => allocator.allocate(1)).toThrow(expect.objectContaining({ code: 'E_MACHINE_LIMIT' }));
  });
});
