/** `bounds: 'sandbox'` on every CPU: what is stopped, what it is called, and what works as before. */
import { isBpfError } from '@polybpf/errors';
import { expect, it } from 'vitest';
import type { MachineHelper } from '../src/helper-call.ts';
import { openMachine } from '../src/machine.ts';
import type { PreparedProgram, PreparedPrograms, PrepareOptions } from '../src/prepare.ts';
import { describeEachMachine, type MachineFixture } from './each-machine.ts';

/** One of each kind and width, with the address in r3 and a value in r2. */
const ACCESSES = [
  'r0 = *(u8 *)(r3 + 0)', 'r0 = *(u16 *)(r3 + 2)', 'r0 = *(u32 *)(r3 - 4)', 'r0 = *(u64 *)(r3 + 32760)', 'r0 = *(s8 *)(r3 + 0)',
  'r0 = *(s32 *)(r3 - 32768)', 'r3 = *(u64 *)(r3 + 0)', 'r0 = load_acquire((u64 *)(r3 + 8))', '*(u8 *)(r3 + 7) = r2',
  '*(u64 *)(r3 - 8) = r2', '*(u32 *)(r3 + 0) = 7', 'store_release((u32 *)(r3 + 4), r2)', 'lock *(u32 *)(r3 + 0) += r2',
  'lock *(u64 *)(r3 + 8) |= r2', 'r2 = atomic_fetch_add((u64 *)(r3 + 0), r2)', 'r2 = atomic_fetch_xor((u32 *)(r3 + 4), r2)',
  'r2 = xchg_64(r3 + 0, r2)', 'r0 = cmpxchg_64(r3 - 8, r0, r2)', 'r0 = *(u16 *)(r3 + 0)\nr0 = be16 r0',
]; // prettier-ignore

const HELPERS: readonly MachineHelper[] = [
  { id: 1, name: 'write', call: (cx) => (cx.memory.write(cx.arg(1), 8, cx.arg(2)), 0n) },
  { id: 2, name: 'callback', call: (cx) => cx.call(cx.arg(1), [cx.arg(2)]) },
  { id: 3, name: 'same', call: (cx) => cx.arg(1) },
];

function prepare(fixture: MachineFixture, text: string, options: PrepareOptions = {}) {
  return fixture.machine.prepare(fixture.program(text, 'boxed'), { helpers: HELPERS, bounds: 'sandbox', ...options });
}

/** Code, insn and address of the error of a run. */
function fault(fixture: MachineFixture, text: string, mem?: Uint8Array): string {
  const program = prepare(fixture, text);
  try {
    const { r0 } = program.run({ timeoutMs: 500, ...(mem === undefined ? {} : { mem }) });
    return `done 0x${r0.toString(16)}`;
  } catch (error) {
    if (!isBpfError(error)) throw error;
    return `${error.code} ${error.at.insn ?? ''}${error.got === undefined ? '' : ` ${error.got}`}: ${error.message}`;
  } finally {
    program.dispose();
  }
}

/** By a check, or in a wide guard zone by the CPU. */
const stoppedAt = (insn: number): RegExp => new RegExp(`^E_RUN_MEMORY ${insn}( SIGSEGV)?: `);

const MEM = Uint8Array.from({ length: 64 }, (_, i) => i);

describeEachMachine('the sandbox', (fixture) => {
  it('stops every access to what is far from the arena, and says where', () => {
    const { address, bytes, guardBytes } = fixture.machine.arena;
    const end = address + BigInt(bytes);
    const far = [0n, 0x10100000n, 0x20100000n, address - BigInt(guardBytes) - 0x9000n, end + BigInt(guardBytes) + 0x8100n, address ^ (1n << 31n), -0x9000n]; // prettier-ignore
    // Where addresses have 32 bits, the others are none.
    if (fixture.target.wordBits !== 32) far.push(address + 2n ** 60n, address + 2n ** 32n, 2n ** 47n, 2n ** 63n);
    for (const base of far) {
      for (const access of ACCESSES) {
        const text = `r0 = 0\nr2 = 1\nr3 = ${BigInt.asUintN(64, base)} ll\n${access}\nexit`;
        expect(fault(fixture, text), `${access} at ${base}`).toMatch(/^E_RUN_MEMORY [45]: .*access at 0x[0-9a-f]+ outside the memory of the sandbox$/); // prettier-ignore
      }
    }
    expect(fault(fixture, 'r3 = 0x12345678 ll\n*(u8 *)(r3 - 0x78) = 1\nexit')).toContain('0x12345600');
    expect(fixture.machine.arena.isIntact()).toBe(true);
  });

  it('leaves small distances to the guard zones, and unmapped parts to the CPU', () => {
    const { address, bytes } = fixture.machine.arena;
    for (const [base, offset] of [
      [address, -32768],
      [address, -8],
      [address + BigInt(bytes) - 8n, 8],
      [address + BigInt(bytes) - 8n, 0],
      [address + BigInt(bytes) - 1n, 32767],
    ] as const) {
      const text = `r3 = ${base} ll\nr0 = *(u64 *)(r3 ${offset < 0 ? '-' : '+'} ${Math.abs(offset)})\nexit`;
      expect(fault(fixture, text), `${base} ${offset}`).toMatch(/^E_RUN_MEMORY 2 SIGSEGV: /);
    }
    expect(fixture.machine.arena.isIntact()).toBe(true);
  });

  it('checks again what was changed, on one way only too', () => {
    const good = 'r2 = *(u64 *)(r1 + 0)\nr3 = 0x100000 ll\nr3 <<= 11\n';
    expect(fault(fixture, `${good}r1 += r3\nr0 = *(u64 *)(r1 + 0)\nexit`, MEM)).toMatch(stoppedAt(5));
    expect(fault(fixture, `${good}if r2 == 0 goto +1\nr1 += r3\nr0 = *(u64 *)(r1 + 0)\nexit`, MEM)).toMatch(stoppedAt(6)); // prettier-ignore
    expect(fault(fixture, `${good}if r2 != 0 goto +1\nr1 += r3\nr0 = *(u8 *)(r1 + 1)\nexit`, MEM)).toBe('done 0x1');
    expect(fault(fixture, `r2 = *(u64 *)(r1 + 0)\nw1 = w1\nr1 |= 1\nr1 <<= 34\nr0 = *(u64 *)(r1 + 0)\nexit`, MEM)).toMatch(/^E_RUN_MEMORY 4: /); // prettier-ignore
  });

  it('ends a pointer that walks out of memory', () => {
    const walk = (step: number): string =>
      `r0 = *(u64 *)(r1 + 0)\nr2 = 0x7fffffff\nagain:\nr0 = *(u64 *)(r1 + 0)\nr1 += ${step}\nr2 += -1\nif r2 != 0 goto again\nexit`;
    for (const step of [8, 4096, -4096, 65536]) expect(fault(fixture, walk(step), MEM)).toMatch(/^E_RUN_MEMORY 2 SIGSEGV: /); // prettier-ignore
    expect(fault(fixture, walk(0x70000000), MEM)).toMatch(stoppedAt(2));
    expect(fixture.machine.arena.isIntact()).toBe(true);
  });

  it('stops indices of 32 bits, whatever becomes of them', () => {
    // Where addresses have 32 bits, such an index is a small negative one.
    const isNarrow = fixture.target.wordBits === 32;
    for (const scale of isNarrow ? [31] : [0, 3, 31, 32]) {
      const text = `r2 = *(u64 *)(r1 + 0)\nw3 = -1\nr3 <<= ${scale}\nr1 += r3\nr0 = *(u64 *)(r1 + 0)\nexit`;
      expect(fault(fixture, text, MEM), String(scale)).toMatch(stoppedAt(4));
    }
    // Again and again, with an access behind each step; and a limit that is no limit.
    const steps = `r0 = *(u64 *)(r1 + 0)\nr2 = 0\nagain:\nr3 = r1\nr3 += r2\nr0 = *(u64 *)(r3 + 0)\nr2 += 0x1000000\nif w2 < 0xf0000000 goto again\nexit`;
    expect(fault(fixture, steps, MEM)).toMatch(stoppedAt(4));
    const spilled = `r0 = *(u64 *)(r1 + 0)\n*(u64 *)(r10 - 8) = r1\nw2 = 5\n*(u32 *)(r10 - 4) = r2\nr1 = *(u64 *)(r10 - 8)\nr0 = *(u64 *)(r1 + 0)\nexit`; // prettier-ignore
    // Where addresses have 32 bits, the other half of the slot is none.
    if (!isNarrow) expect(fault(fixture, spilled, MEM)).toMatch(/^E_RUN_MEMORY 5: /);
    expect(fixture.machine.arena.isIntact()).toBe(true);
  });

  it('lets programs use their memory, their stack across functions, and helpers', () => {
    const text = `
      r6 = r1
      r1 = r10
      r1 += -16
      r2 = *(u8 *)(r6 + 5)
      call fill
      r7 = *(u64 *)(r10 - 16)
      r1 = r10
      r1 += -8
      r2 = 3
      call 1
      r0 = *(u64 *)(r10 - 8)
      r0 += r7
      *(u8 *)(r6 + 0) = r0
      r1 = r6
      call 3
      r0 = *(u8 *)(r0 + 0)
      exit
    fill:
      *(u64 *)(r10 - 16) = 0
      *(u64 *)(r10 - 512) = r1
      r1 = *(u64 *)(r10 - 512)
      *(u64 *)(r1 + 0) = r2
      r0 = 0
      exit`;
    const program = prepare(fixture, text);
    const { r0, mem } = program.run({ mem: MEM });
    expect(r0).toBe(8n);
    expect(mem[0]).toBe(8);
    program.dispose();
  });

  it('keeps frames of functions apart and finds wild accesses through r10', () => {
    expect(fault(fixture, 'r0 = *(u64 *)(r10 - 32768)\nr0 = 1\nexit')).toMatch(/^done 0x1|^E_RUN_MEMORY 0 SIGSEGV/);
    expect(fault(fixture, 'r2 = 1\n*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 8) = 0\nlock *(u64 *)(r10 - 13) += r2\nr0 = 1\nexit')).toMatch(/^done 0x1|^E_RUN_ALIGN 3 /); // prettier-ignore
    expect(fault(fixture, 'r2 = r10\nr2 += 0x7ffffff\nr2 += 0x7ffffff\nr2 += 0x7ffffff\n*(u64 *)(r2 + 0) = r2\nexit')).toMatch(stoppedAt(4)); // prettier-ignore
    expect(fault(fixture, 'r2 = r10\nr2 += -2147483648\n*(u64 *)(r2 - 8) = 1\nexit')).toMatch(/^E_RUN_MEMORY 2: /);
  });

  it('ends endless recursion, with and without a stack whose address is taken', () => {
    const deep = /^E_RUN_CALL_DEPTH|^E_MACHINE_TIMEOUT|^E_RUN_MEMORY/;
    expect(fault(fixture, 'call deeper\nexit\ndeeper:\ncall deeper\nr0 = 0\nexit')).toMatch(deep);
    expect(fault(fixture, 'call deeper\nexit\ndeeper:\n*(u64 *)(r10 - 256) = r1\ncall deeper\nr0 = *(u64 *)(r10 - 256)\nexit')).toMatch(deep); // prettier-ignore
    expect(fault(fixture, 'call deeper\nexit\ndeeper:\nr1 = r10\nr1 += -256\n*(u64 *)(r1 + 0) = r1\ncall deeper\nr0 = 0\nexit')).toMatch(deep); // prettier-ignore
    expect(fixture.machine.arena.isIntact()).toBe(true);
  });

  it('calls functions of the program and helpers through registers, nothing else', () => {
    const callee = '\nexit\nfive:\nr0 = 5\nexit';
    expect(fault(fixture, `r6 = func five ll\ncallx r6${callee}`)).toBe('done 0x5');
    expect(fault(fixture, `r1 = 9\nr6 = 3\ncallx r6${callee}`)).toBe('done 0x9');
    expect(fault(fixture, `r6 = func five ll\nr6 += 4\ncallx r6${callee}`)).toMatch(/^E_RUN_JUMP 3: .*call of 0x/);
    expect(fault(fixture, `r6 = 0x20000100\ncallx r6${callee}`)).toMatch(/^E_RUN_JUMP 1: /);
    expect(fault(fixture, `r3 = -1\ncallx r3${callee}`)).toMatch(/^E_RUN_JUMP 1: /);
  });

  it('lets helpers reach the arena and call back functions of the program only', () => {
    expect(fault(fixture, 'r1 = 0x10100000\nr2 = 1\ncall 1\nexit')).toMatch(/^E_RUN_MEMORY/);
    expect(fault(fixture, 'r2 = 1\ncall 1\nr0 = 4\nexit', MEM)).toBe('done 0x4');
    const callback = 'r2 = 20\ncall 2\nexit\nadd:\nr0 = r1\nr0 += 1\nexit';
    expect(fault(fixture, `r1 = func add ll\n${callback}`)).toBe('done 0x15');
    expect(fault(fixture, `r1 = func add ll\nr1 += 4\n${callback}`)).toMatch(/^E_RUN_JUMP/);
    expect(fault(fixture, `r1 = 0x20000100\n${callback}`)).toMatch(/^E_RUN_JUMP/);
    expect(fixture.machine.arena.isIntact()).toBe(true);
  });

  it('tail calls keep stacks and callbacks working', () => {
    const first = fixture.program('.map progs type=prog_array key=4 value=4 entries=1\nr6 = r1\nr2 = r10\nr2 += -8\n*(u64 *)(r2 + 0) = 1\nr2 = map progs ll\nr3 = 0\ncall 12\nr0 = 99\nexit', 'first'); // prettier-ignore
    const second = fixture.program('r2 = r10\nr2 += -8\nr1 = *(u8 *)(r1 + 3)\n*(u64 *)(r2 + 0) = r1\nr2 = *(u64 *)(r2 + 0)\nr1 = func add ll\ncall 2\nexit\nadd:\nr0 = r1\nr0 += 1\nexit', 'second'); // prettier-ignore
    const prepared: PreparedPrograms = fixture.machine.prepare([first, second], { helpers: HELPERS, bounds: 'sandbox', tailCalls: (): PreparedProgram | undefined => prepared.programs[1] }); // prettier-ignore
    expect(prepared.programs[0]!.run({ mem: MEM }).r0).toBe(4n);
    prepared.dispose();
  });

  it('a fault deep inside ends the whole program, and no other of the batch', () => {
    const nested = prepare(
      fixture,
      'call a\nr0 = 1\nexit\na:\ncall b\nr0 = 2\nexit\nb:\nr1 = 0\n*(u8 *)(r1 + 0) = 1\nexit',
    );
    const good = prepare(fixture, 'r0 = *(u8 *)(r1 + 3)\nexit');
    const outcomes = fixture.machine.runBatch([good, nested, good, nested, good].map((program) => ({ program, mem: MEM }))); // prettier-ignore
    expect(outcomes.map((outcome) => (outcome.status === 'done' ? outcome.r0 : outcome.error.code))).toEqual([3n, 'E_RUN_MEMORY', 3n, 'E_RUN_MEMORY', 3n]); // prettier-ignore
    nested.dispose();
    good.dispose();
  });

  it('notices when something has written to the canaries', () => {
    using machine = openMachine(fixture.target);
    const { address, guardBytes } = machine.arena;
    expect(machine.arena.isIntact()).toBe(true);
    const canary = address - BigInt(guardBytes) - 8n;
    const text = `r1 = ${canary} ll\n*(u64 *)(r1 + 0) = 1\nr0 = 0\nexit`;
    expect(() => machine.prepare(fixture.program(text), { bounds: 'sandbox' }).run()).toThrow(expect.objectContaining({ code: 'E_RUN_MEMORY' })); // prettier-ignore
    expect(machine.arena.isIntact()).toBe(true);
    machine.prepare(fixture.program(text)).run();
    expect(machine.arena.isIntact()).toBe(false);
  });
});
