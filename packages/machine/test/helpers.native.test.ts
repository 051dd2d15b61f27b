import { BpfError } from '@polybpf/errors';
import { unwindHelper } from '@polybpf/interpreter';
import { expect, it } from 'vitest';
import type { HelperCallContext, MachineHelperRegistry } from '../src/helper-call.ts';
import { describeEachMachine } from './each-machine.ts';

type HelperFunction = (cx: HelperCallContext) => bigint | number | void;

function helpers(
  byId: Record<number, HelperFunction>,
  byName: Record<string, HelperFunction> = {},
): MachineHelperRegistry {
  return {
    helper: (id) => (byId[id] === undefined ? undefined : { id, call: byId[id] }),
    kfunc: ({ name }) =>
      name === undefined || byName[name] === undefined ? undefined : { id: -1, name, call: byName[name] },
  };
}

const CALL_LOOP = `
  r6 = 0
  again:
  r1 = r6
  call 7
  r6 += 1
  if r6 < 5 goto again
  r0 = r6
  exit`;

describeEachMachine('helpers', (fixture) => {
  it('get five arguments and give a result', () => {
    const text = 'r1 = 1\nr2 = -2\nr3 = 0x1122334455667788 ll\nr4 = 4\nr5 = 0x8000000000000000 ll\ncall 42\nexit';
    let seen: bigint[] = [];
    const prepared = fixture.machine.prepare(fixture.program(text), {
      helpers: helpers({
        42: (cx) => {
          seen = [1, 2, 3, 4, 5].map((n) => cx.arg(n));
          return -3;
        },
      }),
    });
    expect(prepared.run().r0).toBe(2n ** 64n - 3n);
    expect(seen).toEqual([1n, 2n ** 64n - 2n, 0x1122334455667788n, 4n, 2n ** 63n]);
  });

  it('are called in order and keep the callee-saved registers', () => {
    const seen: bigint[] = [];
    const options = { helpers: helpers({ 7: (cx) => void seen.push(cx.arg(1)) }) };
    expect(fixture.machine.prepare(fixture.program(CALL_LOOP), options).run().r0).toBe(5n);
    expect(seen).toEqual([0n, 1n, 2n, 3n, 4n]);
  });

  it('read and write the stack and mem of the program', () => {
    const text = `
      *(u64 *)(r10 - 8) = 0x11223344
      r6 = r1
      r2 = r1
      r1 = r10
      r1 += -8
      call 1
      r1 = *(u64 *)(r10 - 8)
      r0 += r1
      r1 = *(u8 *)(r6 + 1)
      r0 += r1
      exit`;
    const prepared = fixture.machine.prepare(fixture.program(text), {
      helpers: helpers({
        1: ({ arg, memory }) => {
          expect(memory.read(arg(1), 8)).toBe(0x11223344n);
          memory.write(arg(1), 8, 1000n);
          memory.view(arg(2), 4, 'helper_write')[1] = 50;
          return memory.read(arg(2), 1);
        },
      }),
    });
    const { r0, mem } = prepared.run({ mem: Uint8Array.of(7, 0, 0, 0) });
    expect(r0).toBe(1057n);
    expect([...mem]).toEqual([7, 50, 0, 0]);
  });

  it('refuse addresses outside of memory', () => {
    const prepared = fixture.machine.prepare(fixture.program('r1 = 16\ncall 1\nexit'), {
      helpers: helpers({ 1: ({ arg, memory }) => memory.read(arg(1), 8) }),
    });
    expect(() => prepared.run()).toThrow(expect.objectContaining({ code: 'E_RUN_MEMORY' }));
  });

  it('can call back into the program, nested', () => {
    const text = `
      r1 = 4
      r2 = callback ll
      r3 = r10
      r3 += -8
      *(u64 *)(r10 - 8) = 0
      call 181
      r1 = *(u64 *)(r10 - 8)
      r0 *= 1000
      r0 += r1
      exit
      callback:
      r6 = r2
      r7 = *(u64 *)(r6 + 0)
      r7 += r1
      *(u64 *)(r6 + 0) = r7
      call 5
      exit`;
    const prepared = fixture.machine.prepare(fixture.program(text), {
      helpers: helpers({
        5: () => 0,
        181: (cx) => {
          const count = cx.arg32(1);
          for (let i = 0; i < count; i++) if (cx.call(cx.arg(2), [i, cx.arg(3)]) !== 0n) return i + 1;
          return count;
        },
      }),
    });
    expect(prepared.run().r0).toBe(4006n);
  });

  it('that fail end the program with their error, and the next run is fine', () => {
    const failing = new BpfError('E_INPUT', 'no');
    let fails = true;
    const prepared = fixture.machine.prepare(fixture.program('call 1\nexit'), {
      helpers: helpers({
        1: () => {
          if (fails) throw failing;
          return 5;
        },
        2: () => {
          throw new Error('plain');
        },
      }),
    });
    expect(() => prepared.run({ repeat: 10 })).toThrow(failing);
    const { pid } = fixture.machine;
    fails = false;
    expect(prepared.run().r0).toBe(5n);
    expect(fixture.machine.pid).toBe(pid);
    const plain = fixture.machine.prepare(fixture.program('call 2\nexit'), {
      helpers: helpers({
        2: () => {
          throw new Error('plain');
        },
      }),
    });
    expect(() => plain.run()).toThrow(expect.objectContaining({ code: 'E_RUN_HELPER', cause: new Error('plain') }));
  });

  it('that are not registered are E_RUN_HELPER, whatever their id', () => {
    for (const id of [0, 1, 511, 512, 100000, -1, 0x7fffffff]) {
      const prepared = fixture.machine.prepare(fixture.program(`r6 = 1\ncall ${id}\nexit`));
      expect(() => prepared.run(), String(id)).toThrow(expect.objectContaining({ code: 'E_RUN_HELPER' }));
      const known = fixture.machine.prepare(fixture.program(`r6 = 1\ncall ${id}\nr0 += r6\nexit`), {
        helpers: helpers({ [id]: () => 40 + 1 }),
      });
      expect(known.run().r0, String(id)).toBe(42n);
    }
  });

  it('can end the program, also from inside a callback', () => {
    const options = {
      helpers: helpers({
        1: (cx) => cx.terminate(77),
        2: (cx) => {
          cx.call(cx.arg(1), []);
          return 1;
        },
      }),
    };
    expect(fixture.machine.prepare(fixture.program('call 1\nr0 = 1\nexit'), options).run().r0).toBe(77n);
    const nested = 'r1 = callback ll\ncall 2\nr0 = 1\nexit\ncallback:\ncall 1\nr0 = 2\nexit';
    expect(fixture.machine.prepare(fixture.program(nested), options).run({ repeat: 3 }).r0).toBe(77n);
  });

  it('of the interpreter work here too', () => {
    const unwind = unwindHelper();
    const prepared = fixture.machine.prepare(fixture.program('call 5\nr0 = 9\nexit'), {
      helpers: { helper: () => unwind },
    });
    expect(prepared.run({ args: [0n] }).r0).toBe(0n);
    expect(prepared.run({ args: [3n] }).r0).toBe(9n);
  });

  it('are called through a register by id', () => {
    const text = 'r6 = 42\ncallx r6\nexit';
    const prepared = fixture.machine.prepare(fixture.program(text), { helpers: helpers({ 42: () => 8 }) });
    expect(prepared.run().r0).toBe(8n);
  });

  it('cannot run jobs on their own machine', () => {
    const inner = fixture.machine.prepare(fixture.program('r0 = 1\nexit'));
    const prepared = fixture.machine.prepare(fixture.program('call 1\nexit'), {
      helpers: helpers({ 1: () => inner.run().r0 }),
    });
    expect(() => prepared.run()).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED' }));
    expect(inner.run().r0).toBe(1n);
  });

  it('by name are kfuncs', () => {
    const text = '.extern my_kfunc\nr1 = 20\ncall my_kfunc\nexit';
    const program = fixture.program(text);
    const prepared = fixture.machine.prepare(program, { helpers: helpers({}, { my_kfunc: (cx) => cx.arg(1) * 2n }) });
    expect(prepared.run().r0).toBe(40n);
    expect(() => fixture.machine.prepare(program).run()).toThrow(expect.objectContaining({ code: 'E_RUN_HELPER' }));
  });
});
