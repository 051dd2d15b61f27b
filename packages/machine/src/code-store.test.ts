import { describe, expect, it } from 'vitest';
import { type CodeCopy, createCodeStore } from './code-store.ts';
import { CODE_BASE, planLayout, SHARED_BASE } from './layout.ts';
import type { SharedFile } from './shared-file.ts';

const LAYOUT = planLayout({ stackBytes: 1, slots: 1, codeBytes: 65536, dataBytes: 1, batchBytes: 1 });

/** A store, its file, and a runner's private memory that is filled as the runner does it. */
function setUp() {
  const shared = new Uint8Array(LAYOUT.length);
  const file: SharedFile = {
    fd: -1,
    read: (offset, into) => into.set(shared.subarray(offset, offset + into.length)),
    write: (offset, from) => shared.set(from, offset),
    close: () => undefined,
  };
  const store = createCodeStore(file, LAYOUT);
  const copy = (memory: Uint8Array, { source, target, end }: CodeCopy): void =>
    memory.set(shared.subarray(source - SHARED_BASE, source - SHARED_BASE + end - target), target - CODE_BASE);
  return { shared, store, copy };
}

describe('a code store', () => {
  it('tells the runner all that has changed, once', () => {
    const { store, copy } = setUp();
    const memory = new Uint8Array(LAYOUT.codeBytes);
    const places = [100, 64, 1].map((length, i) => {
      const address = store.allocate(length);
      store.write(address, new Uint8Array(length).fill(i + 1));
      return address - CODE_BASE;
    });
    copy(memory, store.takeCopy());
    expect(places).toEqual([0, 128, 192]);
    expect([memory[99], memory[128], memory[192]]).toEqual([1, 2, 3]);
    const idle = store.takeCopy();
    expect(idle.target).toBe(idle.end);
  });

  it('copies in whole units of the runner', () => {
    const { store } = setUp();
    store.write(store.allocate(3), new Uint8Array(3));
    const { source, target, end } = store.takeCopy();
    expect([(end - target) % 64, source % 8, target % 64]).toEqual([0, 0, 0]);
  });

  it('restores everything for a new runner, even when a job has overwritten the mirror', () => {
    const { shared, store, copy } = setUp();
    const [first, second] = [store.allocate(64), store.allocate(64)];
    store.write(first, new Uint8Array(64).fill(1));
    store.write(second, new Uint8Array(64).fill(2));
    store.takeCopy();
    shared.fill(0xff);
    store.forgetCopies();
    const memory = new Uint8Array(LAYOUT.codeBytes);
    copy(memory, store.takeCopy());
    expect([memory[0], memory[127]]).toEqual([1, 2]);
  });
});
