/** Anything at all as a program: faults are the only way to fail, and the budget ends everything. */
import { describe, expect, test } from 'vitest';
import { decodeInsns, INSN_TABLE, makeInsn, makeProgram, type Insn } from '@polybpf/isa';
import { createInterpreter, unwindHelper } from '../src/index.ts';

/** xorshift32: the same programs in every run. */
function random(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

function runAll(insns: readonly Insn[], seed: number): string {
  const engine = createInterpreter(makeProgram(insns, { endian: seed & 1 ? 'big' : 'little' }), {
    helpers: [unwindHelper(5), { id: 1, call: (cx) => cx.arg(1) }],
    budget: 3000,
  });
  const input = (): { mem: Uint8Array; packet: Uint8Array } => ({
    mem: new Uint8Array(64),
    packet: new Uint8Array(32),
  });
  const whole = engine.tryRun(input());
  const execution = engine.start(input());
  while (execution.step() === 'paused');
  expect(execution.result()).toMatchObject({ r0: whole.r0, insnsExecuted: whole.insnsExecuted });
  expect(execution.result().fault).toEqual(whole.fault);
  expect(whole.insnsExecuted).toBeLessThanOrEqual(3000);
  return whole.fault?.kind ?? 'exit';
}

describe('random programs', () => {
  test('of random bytes end with a result or a fault, stepped or not', () => {
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= 1500; seed++) {
      const next = random(seed * 2654435761);
      const bytes = Uint8Array.from({ length: 8 * (1 + (next() % 40)) }, () => next() & 0xff);
      const kind = runAll(decodeInsns(bytes), seed);
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
    expect([...seen.keys()]).toContain('opcode');
  });

  test('of legal rows end with a result or a fault, stepped or not', () => {
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= 3000; seed++) {
      const next = random(seed * 40503);
      const length = 2 + (next() % 40);
      const insns: Insn[] = [];
      while (insns.length < length) {
        const row = INSN_TABLE[next() % INSN_TABLE.length]!;
        const small = (next() % 24) - 8;
        const wild = [0, 1, -1, 2147483647, -2147483648, 5][next() % 6]!;
        // Most accesses go through r10, so that programs live long enough to do something.
        const readable = (): number => (row.offsetUse === 'offset' && next() % 4 ? 10 : next() % 11);
        insns.push(
          makeInsn(
            row.opcode,
            row.fixed.dst_reg ?? (row.dst === 'none' ? 0 : row.dst === 'read' ? readable() : next() % 10),
            row.fixed.src_reg ?? (row.src === 'none' ? 0 : row.src === 'read' ? readable() : next() % 10),
            row.fixed.offset ??
              (row.offsetUse === 'none'
                ? 0
                : row.offsetUse === 'offset'
                  ? -8 * (next() % 9) + (next() % 4 ? 0 : 1)
                  : small),
            row.fixed.imm ?? (row.immUse === 'none' ? 0 : row.immUse === 'imm' && next() % 2 ? wild : small),
          ),
        );
        if (row.slots === 2) insns.push(makeInsn(0, 0, 0, 0, row.nextImmUse === 'none' ? 0 : wild));
      }
      insns.push(makeInsn(0x95, 0, 0, 0, 0));
      const kind = runAll(insns, seed);
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
    for (const kind of ['exit', 'memory', 'jump', 'helper', 'symbol', 'budget', 'alignment', 'call_depth']) {
      expect(seen.get(kind), `${kind} must occur`).toBeGreaterThan(0);
    }
  });
});

describe('large programs', () => {
  test('a million instructions run in linear time', () => {
    const insns: Insn[] = new Array<Insn>(1_000_001).fill(makeInsn(0x07, 0, 0, 0, 1));
    insns[1_000_000] = makeInsn(0x95, 0, 0, 0, 0);
    const engine = createInterpreter(makeProgram(insns));
    const start = performance.now();
    expect(engine.run()).toEqual({ r0: 1_000_000n, insnsExecuted: 1_000_001 });
    expect(performance.now() - start).toBeLessThan(60_000);
    expect(engine.run().r0).toBe(1_000_000n);
  });

  test('a jump over a million instructions decodes none of them', () => {
    const insns: Insn[] = new Array<Insn>(1_000_002).fill(makeInsn(0xff, 0, 0, 0, 0));
    insns[0] = makeInsn(0x06, 0, 0, 0, 1_000_000);
    insns[1_000_001] = makeInsn(0x95, 0, 0, 0, 0);
    expect(createInterpreter(makeProgram(insns)).run().insnsExecuted).toBe(2);
  });
});
