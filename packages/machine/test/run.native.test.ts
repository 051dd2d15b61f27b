import { expect, it } from 'vitest';
import { describeEachMachine } from './each-machine.ts';

describeEachMachine('running a program', (fixture) => {
  it('returns all 64 bits of r0', () => {
    const prepared = fixture.machine.prepare(fixture.program('r0 = 0x8877665544332211 ll\nexit'));
    expect(prepared.run().r0).toBe(0x8877665544332211n);
    prepared.dispose();
  });

  it('passes five arguments, negative ones as 64-bit numbers', () => {
    const text = 'r0 = r1\nr0 -= r2\nr0 *= r3\nr0 += r4\nr0 ^= r5\nexit';
    const { r0 } = fixture.machine.prepare(fixture.program(text)).run({ args: [-5n, 7n, 1000n, 2n ** 63n, 0xffn] });
    expect(r0).toBe(BigInt.asUintN(64, ((-5n - 7n) * 1000n + 2n ** 63n) ^ 0xffn));
  });

  it('passes address and length of mem, and returns what became of it', () => {
    const text = 'r0 = *(u8 *)(r1 + 2)\n*(u8 *)(r1 + 0) = 7\nr1 += r2\n*(u8 *)(r1 - 1) = 9\nr0 += r2\nexit';
    const prepared = fixture.machine.prepare(fixture.program(text));
    const mem = Uint8Array.of(1, 2, 3, 4, 5);
    for (let i = 0; i < 2; i++) {
      const result = prepared.run({ mem });
      expect(result.r0).toBe(8n);
      expect([...result.mem]).toEqual([7, 2, 3, 4, 9]);
    }
    expect([...mem]).toEqual([1, 2, 3, 4, 5]);
  });

  it('has no mem by default, and aligns it to 64 bytes', () => {
    const prepared = fixture.machine.prepare(fixture.program('r0 = r1\nr0 |= r2\nexit'));
    expect(prepared.run().r0).toBe(0n);
    expect(prepared.run({ mem: new Uint8Array(0) }).r0).toBe(0n);
    let seen = -1n;
    const { r0 } = prepared.run({ mem: new Uint8Array(10), args: (address) => [(seen = address), 0n] });
    expect(r0).toBe(seen);
    expect(r0 % 64n).toBe(0n);
  });

  it('repeats without resetting memory, and measures', () => {
    const text = 'r3 = *(u64 *)(r1 + 0)\nr3 += 1\n*(u64 *)(r1 + 0) = r3\nr0 = r3\nexit';
    const { r0, elapsedNs } = fixture.machine
      .prepare(fixture.program(text))
      .run({ mem: new Uint8Array(8), repeat: 1000 });
    expect(r0).toBe(1000n);
    expect(elapsedNs).toBeGreaterThan(100);
    expect(elapsedNs).toBeLessThan(5e9);
  });

  it('runs local calls with a stack each', () => {
    const text = `
      *(u64 *)(r10 - 8) = 5
      r1 = 10
      call add
      r1 = *(u64 *)(r10 - 8)
      r0 += r1
      exit
      add:
      *(u64 *)(r10 - 8) = 100
      r0 = *(u64 *)(r10 - 8)
      r0 += r1
      exit`;
    expect(fixture.machine.prepare(fixture.program(text)).run().r0).toBe(115n);
  });

  it('runs many programs with one doorbell, each with memory of its own', () => {
    const add = fixture.machine.prepare(
      fixture.program('r0 = *(u8 *)(r1 + 0)\nr2 = r0\nr2 += 1\n*(u8 *)(r1 + 0) = r2\nexit'),
    );
    const length = fixture.machine.prepare(fixture.program('r0 = r2\nexit'));
    const jobs = Array.from({ length: 500 }, (_, i) =>
      i % 2 === 0 ? { program: add, mem: Uint8Array.of(i & 0xff) } : { program: length, mem: new Uint8Array(i) },
    );
    fixture.machine.runBatch(jobs).forEach((outcome, i) => {
      if (outcome.status === 'failed') throw outcome.error;
      expect(outcome.r0).toBe(BigInt(i % 2 === 0 ? i & 0xff : i));
      if (i % 2 === 0) expect(outcome.mem[0]).toBe((i + 1) & 0xff);
      else expect(outcome.mem).toEqual(new Uint8Array(i));
    });
    expect(fixture.machine.runBatch([])).toEqual([]);
  });

  it('places code again after it was disposed of', () => {
    // More code than the machine has room for, were nothing reused; and new code at old addresses must be seen.
    for (let i = 0; i < 300; i++) {
      const prepared = fixture.machine.prepare(fixture.program(`r0 = ${i}\nexit`));
      expect(prepared.run().r0).toBe(BigInt(i));
      prepared.dispose();
    }
  });

  it('runs bare machine code', () => {
    const { compiled } = fixture.machine.prepare(fixture.program('r0 = r1\nr0 <<= 3\nexit'));
    expect(fixture.machine.runCode(compiled.code, { args: [5n] }).r0).toBe(40n);
  });
});
