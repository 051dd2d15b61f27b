import { describe, expect, it } from 'vitest';
import { applyFacts, facts, type VerifyInput } from '../src/index.ts';
import { joinRecord, newJoined } from '../src/join.ts';
import { markKnown } from '../src/bounds.ts';
import { W_MASK, W_SMAX, W_SMIN, W_TYPE, W_VAR } from '../src/register-record.ts';
import { EXIT, program } from './program.ts';

/** 0: r0 = random; 1: r0 &= 1; 2: if r0 == 0 goto 5; 3: r6 = 5; 4: goto 6; 5: r6 = 7; 6: r0 = r6; exit */
const JOIN: VerifyInput = {
  insns: program(
    [0x85, 0, 0, 0, 7],
    [0x57, 0, 0, 0, 1],
    [0x15, 0, 0, 2],
    [0xb7, 6, 0, 0, 5],
    [0x05, 0, 0, 1],
    [0xb7, 6, 0, 0, 7],
    [0xbf, 0, 6],
    EXIT,
  ),
  type: 'socket_filter',
  flags: 8, // BPF_F_TEST_STATE_FREQ: states are stored often, so that the second way is pruned
};

describe('facts', () => {
  it('cover paths that end in a known state', () => {
    const found = facts(JOIN)!;
    expect([...found.reachable]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    expect([...found.branches]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(found.values![6]!.find(({ reg }) => reg === 6)).toMatchObject({ umin: 5n, umax: 7n, mask: 2n, bits: 5n });
  });

  it('know what atomics fetch from the stack, where Linux 6.18 prunes the way on which it is 1', () => {
    const insns = program(
      [0x85, 0, 0, 0, 7],
      [0x7a, 10, 0, -8, 0],
      [0xc5, 0, 0, 1, 1], // if r0 s< 1 goto 4
      [0x05, 0, 0, 2],
      [0xb7, 0, 0, 0, 1],
      [0x7b, 10, 0, -8],
      [0xdb, 10, 0, -8, 0xe1], // r0 = xchg_64(r10 - 8, r0)
      [0x15, 0, 0, 1, 1],
      [0xb7, 0, 0, 0, 2],
      EXIT,
    );
    const found = facts({ insns, type: 'socket_filter', flags: 8 })!;
    expect([...found.reachable]).toEqual(Array(10).fill(1));
    expect(found.branches[7]).toBe(0);
  });

  it('know branches that always go one way, and what is never reached', () => {
    const insns = program(
      [0xb7, 1, 0, 0, 3],
      [0x15, 1, 0, 1, 4],
      [0x05, 0, 0, 1],
      [0x37, 1, 0, 0, 2],
      [0xbf, 0, 1],
      EXIT,
    );
    const found = facts({ insns, type: 'socket_filter' })!;
    expect([...found.branches]).toEqual([0, 2, 0, 0, 0, 0]);
    expect([...found.reachable]).toEqual([1, 1, 1, 0, 1, 1]);
    expect(applyFacts(insns, found)).toEqual(
      program([0xb7, 1, 0, 0, 3], [0x05], [0x05, 0, 0, 1], [0x05], [0xb7, 0, 0, 0, 3], EXIT),
    );
  });

  it('prove accesses, with offsets and alignment', () => {
    const insns = program(
      [0x85, 0, 0, 0, 7], // 0: r0 = random
      [0x57, 0, 0, 0, 8], // 1: r0 &= 8
      [0xbf, 2, 10], // 2
      [0x07, 2, 0, 0, -16], // 3
      [0x7a, 2, 0, 0], // 4: *(u64 *)(r2 + 0) = 0
      [0x7a, 2, 0, 8], // 5
      [0x0f, 2, 0], // 6: r2 += r0
      [0x79, 0, 2, 0], // 7: r0 = *(u64 *)(r2 + 0)
      EXIT,
    );
    const found = facts({ insns, type: 'socket_filter' })!;
    expect(found.accesses[7]).toEqual({ memory: 'fp', size: 8, min: -16, max: -8, align: 8 });
    expect([...found.inBounds]).toEqual([0, 0, 0, 0, 1, 1, 0, 1, 0]);
  });

  it('prove the context only as far as it is there', () => {
    const insns = program([0x61, 0, 1, 16], EXIT);
    expect(facts({ insns, type: 'socket_filter' })!.inBounds[0]).toBe(0);
    expect(facts({ insns, type: 'socket_filter' }, { contextBytes: 20 })!.inBounds[0]).toBe(1);
    expect(facts({ insns, type: 'socket_filter' }, { contextBytes: 19 })!.inBounds[0]).toBe(0);
  });

  it('are none of a program that is refused', () => {
    expect(facts({ insns: program([0xbf, 0, 3], EXIT), type: 'xdp' })).toBeUndefined();
  });
});

describe('applyFacts', () => {
  it('leaves shifts and divisions by numbers that have no constant form', () => {
    const insns = program([0xb7, 1], [0xb7, 0, 0, 0, 9], [0x3f, 0, 1], [0xb7, 2, 0, 0, 70], [0x6f, 0, 2], EXIT);
    const found = facts({ insns, type: 'socket_filter' })!;
    expect(applyFacts(insns, found)).toEqual(insns);
  });
});

describe('unions', () => {
  it('hold both', () => {
    const w = new Int32Array(48);
    w[W_TYPE] = w[24 + W_TYPE] = 1;
    markKnown(w, 0, -1, -1);
    markKnown(w, 24, 6, 0);
    const joined = newJoined(w, 0);
    joinRecord(joined, w, 24);
    expect(joined.mixed).toBe(false);
    expect([joined.words[W_SMIN], joined.words[W_SMAX]]).toEqual([-1, 6]);
    expect([joined.words[W_VAR], joined.words[W_MASK]]).toEqual([6, ~6]);
    w[24 + W_TYPE] = 2;
    joinRecord(joined, w, 24);
    expect(joined.mixed).toBe(true);
  });
});
