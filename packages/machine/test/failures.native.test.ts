import { expect, it } from 'vitest';
import { openMachine } from '../src/machine.ts';
import { describeEachMachine } from './each-machine.ts';

const GOOD = 'r0 = *(u8 *)(r1 + 0)\nexit';
const NULL_LOAD = 'r1 = 0\nr0 = *(u64 *)(r1 + 0)\nexit';
const SMALL_LOAD = 'r1 = 0x1000\nr0 = 1\nr0 = *(u64 *)(r1 + 8)\nexit';
const BAD_STORE = 'r1 = 0x8000000000000000 ll\n*(u64 *)(r1 + 8) = 1\nexit';
const WILD_STORE = 'r1 = 0x7f0000000000 ll\n*(u64 *)(r1 + 0) = 1\nexit';
const ENDLESS = 'r0 = 0\nagain:\nr0 += 1\ngoto again';
const RECURSION =
  'call deeper\nexit\ndeeper:\n*(u64 *)(r10 - 256) = r1\ncall deeper\nr1 = *(u64 *)(r10 - 256)\nr0 = r1\nexit';

describeEachMachine('failures', (fixture) => {
  it.each([
    ['a null load', NULL_LOAD, /^faulty: insn 1: crashed, got SIGSEGV at address 0x0$/],
    ['a load from a small address', SMALL_LOAD, /^faulty: insn 2: crashed, got SIGSEGV at address 0x1[0-9a-f]{3}$/],
    // Addresses of 32-bit CPUs have the low half only.
    ['a wild store', WILD_STORE, /^faulty: insn 2: crashed, got SIGSEGV at address 0x(7f00000000|[04]$)/],
    ['a store to an address that no CPU has', BAD_STORE, /^faulty: insn 2: crashed, got SIG(SEGV|BUS)/],
    ['endless recursion', RECURSION, /^faulty: (insn \d+: )?crashed, got SIG(SEGV|BUS) at address 0xfff/],
  ])('%s is E_MACHINE_CRASH with insn, signal and address, and the machine goes on', (_, text, message) => {
    const good = fixture.machine.prepare(fixture.program(GOOD));
    const bad = fixture.machine.prepare(fixture.program(text, 'faulty'));
    expect(() => bad.run()).toThrow(message);
    expect(() => bad.run()).toThrow(expect.objectContaining({ code: 'E_MACHINE_CRASH' }));
    expect(good.run({ mem: Uint8Array.of(3) }).r0).toBe(3n);
  });

  it('an endless loop is E_MACHINE_TIMEOUT', () => {
    const bad = fixture.machine.prepare(fixture.program(ENDLESS, 'endless'));
    const start = performance.now();
    expect(() => bad.run({ timeoutMs: 100 })).toThrow(
      expect.objectContaining({ code: 'E_MACHINE_TIMEOUT', at: { symbol: 'endless', insn: expect.toBeOneOf([1, 2]) } }),
    );
    expect(performance.now() - start).toBeLessThan(60_000);
    expect(fixture.machine.prepare(fixture.program(GOOD)).run({ mem: Uint8Array.of(3) }).r0).toBe(3n);
  });

  it('a slow helper is no endless loop', () => {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const program = fixture.machine.prepare(fixture.program('call 1\nexit'), {
      helpers: { helper: (id) => ({ id, call: () => void Atomics.wait(pause, 0, 0, 200) }) },
    });
    expect(program.run({ timeoutMs: 50 }).r0).toBe(0n);
  });

  it('a crash and a loop in a batch of 300 leave the other 298 alone', () => {
    const good = fixture.machine.prepare(fixture.program(GOOD));
    const crash = fixture.machine.prepare(fixture.program(NULL_LOAD, 'crasher'));
    const loop = fixture.machine.prepare(fixture.program(ENDLESS, 'looper'));
    const jobs = Array.from({ length: 300 }, (_, i) => ({
      program: i === 150 ? crash : i === 200 ? loop : good,
      mem: Uint8Array.of(i & 0xff, i >> 8),
      timeoutMs: 100,
    }));
    const outcomes = fixture.machine.runBatch(jobs);
    expect(outcomes).toHaveLength(300);
    outcomes.forEach((outcome, i) => {
      if (i === 150) expect(outcome).toMatchObject({ status: 'failed', error: { code: 'E_MACHINE_CRASH' } });
      else if (i === 200) expect(outcome).toMatchObject({ status: 'failed', error: { code: 'E_MACHINE_TIMEOUT' } });
      else
        expect(outcome).toMatchObject({ status: 'done', r0: BigInt(i & 0xff), mem: Uint8Array.of(i & 0xff, i >> 8) });
    });
  });

  it('first and last job may crash', () => {
    const good = fixture.machine.prepare(fixture.program(GOOD));
    const crash = fixture.machine.prepare(fixture.program(NULL_LOAD));
    const mem = Uint8Array.of(1);
    const outcomes = fixture.machine.runBatch([crash, crash, good, crash].map((program) => ({ program, mem })));
    expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'failed', 'done', 'failed']);
  });

  it('a helper that throws in a batch fails its job only', () => {
    const good = fixture.machine.prepare(fixture.program(GOOD));
    const bad = fixture.machine.prepare(fixture.program('call 3\nexit', 'caller'));
    const mem = Uint8Array.of(1);
    const outcomes = fixture.machine.runBatch([good, bad, good].map((program) => ({ program, mem })));
    expect(outcomes[1]).toMatchObject({ status: 'failed', error: { code: 'E_RUN_HELPER' } });
    expect([outcomes[0]!.status, outcomes[2]!.status]).toEqual(['done', 'done']);
  });

  it('a job that overwrites the state of the runner is found', () => {
    // mem lies in the last part of the shared file: going down from there meets data, code mirror, table and header.
    const wipe = `
      r1 &= -4096
      again:
      r1 += -8
      *(u64 *)(r1 + 0) = -1
      goto again`;
    const good = fixture.machine.prepare(fixture.program(GOOD));
    const bad = fixture.machine.prepare(fixture.program(wipe, 'wiper'));
    const mem = Uint8Array.of(9);
    const outcomes = fixture.machine.runBatch([good, bad, good].map((program) => ({ program, mem })));
    expect(outcomes[1]).toMatchObject({ status: 'failed', error: { code: 'E_MACHINE_CRASH' } });
    expect([outcomes[0], outcomes[2]]).toMatchObject(Array(2).fill({ status: 'done', r0: 9n }));
  });

  it('a runner that somebody kills is started again', () => {
    const machine = openMachine(fixture.target);
    const good = machine.prepare(fixture.program(GOOD));
    expect(good.run({ mem: Uint8Array.of(4) }).r0).toBe(4n);
    const pid = machine.pid!;
    process.kill(pid, 'SIGKILL');
    expect(good.run({ mem: Uint8Array.of(5) }).r0).toBe(5n);
    expect(machine.pid).not.toBe(pid);
    machine.close();
  });

  it('a runner that is killed in the middle of a job is a crash by SIGKILL', () => {
    const machine = openMachine(fixture.target);
    const suicide = machine.prepare(fixture.program('call 1\nexit', 'victim'), {
      helpers: { helper: (id) => ({ id, call: () => void process.kill(machine.pid!, 'SIGKILL') }) },
    });
    expect(() => suicide.run()).toThrow(/^victim: crashed, got SIGKILL/);
    const good = machine.prepare(fixture.program(GOOD));
    expect(good.run({ mem: Uint8Array.of(5) }).r0).toBe(5n);
    machine.close();
  });
});
