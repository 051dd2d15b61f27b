/** Control flow, executed: calls of all kinds, tail calls, may_goto, branches at the edges of their reach. */
import { assemble } from '@polybpf/asm';
import { createHelperRegistry, type Helper, runProgram } from '@polybpf/interpreter';
import { BPF_MAX_LOOPS, type Program } from '@polybpf/isa';
import { compile, type CompiledProgram, link } from '@polybpf/jit';
import { type Machine, openMachine } from '@polybpf/machine';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { x86_64 } from '../src/index.ts';

const HELPERS: readonly Helper[] = [
  { id: 3, call: (cx) => cx.arg(1) * 2n + cx.arg(5) },
  { id: 0, call: () => 99n },
];

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')(
  'control flow (skipped off x86_64 Linux)',
  () => {
    let machine: Machine;
    beforeAll(() => {
      machine = openMachine(x86_64);
    });
    afterAll(() => machine.close());

    function run(
      program: Program,
      args: readonly bigint[] = [],
    ): { native: bigint; reference: bigint; compiled: CompiledProgram } {
      const prepared = machine.prepare(program, { helpers: createHelperRegistry(HELPERS) });
      try {
        const reference = runProgram(program, { args, helpers: HELPERS }).r0;
        return { native: prepared.run({ args }).r0, reference, compiled: prepared.compiled };
      } finally {
        prepared.dispose();
      }
    }

    test('may_goto jumps when the budget of its own frame is used up, and stays there', () => {
      const { native } = run(
        assemble(`
        r0 = 0
      loop:
        r0 += 1
        may_goto done
        goto loop
      done:
        may_goto again
        r0 = 1
        exit
      again:
        r0 *= 2
        exit`),
      );
      expect(native).toBe(2n * BigInt(BPF_MAX_LOOPS + 1));
    });

    test('may_goto in a leaf with a frame, with calls, and in a callee that is called again', () => {
      for (const call of ['', 'call 3\n']) {
        const { native, reference } = run(
          assemble(`
        r6 = 0
        r7 = 3
      next:
        r1 = r6
        ${call}
        call local counted
        r6 += r0
        r7 += -1
        if r7 != 0 goto next
        r0 = r6
        exit
      counted:
        *(u64 *)(r10 - 512) = 5
        r0 = 0
      loop:
        r1 = *(u64 *)(r10 - 512)
        r0 += r1
        if r0 > 1000 goto out
        may_goto out
        goto loop
      out:
        exit`),
        );
        expect(native).toBe(reference);
        expect(native).toBe(3n * 1005n);
      }
    });

    test('calls through a register: helper ids and functions', () => {
      const program = (callee: string): Program =>
        assemble(`
        r6 = 7
        r1 = 20
        r5 = 1
        ${callee}
        callx r2
        r0 += r6
        exit
      f:
        r6 = 1000
        r0 = r1
        r0 += r6
        exit`);
      expect(run(program('r2 = 3')).native).toBe(48n);
      expect(run(program('r2 = 0')).native).toBe(106n);
      expect(run(program('r2 = func f ll')).native).toBe(1027n);
      expect(run(program('r2 = func f ll')).reference).toBe(1027n);
    });

    test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('a call through r%i', (register) => {
      const { native, reference } = run(
        assemble(`r1 = 1; r2 = 2; r3 = 3; r4 = 4; r5 = 5; r${register} = 3\n callx r${register}\n exit`),
      );
      expect(native).toBe(reference);
    });

    test('r10 as an operand', () => {
      // addresses differ between engines, what is computed of them here does not
      for (const text of [
        'r0 = r10\n r0 -= r10',
        'r0 = -8\n r0 += r10\n r1 = r10\n r0 -= r1',
        'r0 = 5\n r0 %= r10',
        'r0 = 5\n r0 /= r10',
        'r0 = 5\n r0 s%= r10',
        'r0 = -5\n r0 s/= r10',
        'r0 = r10\n r0 s/= r10',
        'r0 = r10\n r0 ^= r10\n r0 += 3',
        'r0 = 1\n r1 = r10\n if r1 == r10 goto +1\n r0 = 2',
        'r0 = 1\n r1 = r10\n if r10 > r1 goto +1\n r0 = 2',
        'r0 = 0\n r0 *= r10',
        'r4 = 0\n r4 <<= r10\n r0 = r4',
        '*(u64 *)(r10 - 8) = r10\n r0 = *(u64 *)(r10 - 8)\n r0 -= r10',
        'r1 = r10\n *(u64 *)(r10 - 8) = 0\n r0 = 0\n r0 = cmpxchg_64(r10 - 8, r0, r10)\n r2 = *(u64 *)(r10 - 8)\n r2 -= r1\n r0 += r2',
        '*(u64 *)(r10 - 8) = 7\n lock *(u64 *)(r10 - 8) += r10\n r0 = *(u64 *)(r10 - 8)\n r0 -= r10',
        'r0 = r10\n r0 += -512\n *(u64 *)(r0 + 0) = 9\n r0 = *(u64 *)(r10 - 512)',
      ]) {
        for (const tail of ['', '\n r3 = 2\n r0 += r3\n r0 += r4']) {
          const { native, reference } = run(assemble(`r4 = 1\n ${text}${tail}\n exit`));
          expect(native, text).toBe(reference);
        }
      }
    });

    test('nested calls have frames of their own and keep r6 to r9', () => {
      const { native, reference } = run(
        assemble(`
        r1 = 5
        r6 = 1; r7 = 2; r8 = 3; r9 = 4
        *(u64 *)(r10 - 8) = 100
        call local down
        r1 = *(u64 *)(r10 - 8)
        r0 += r1; r0 += r6; r0 += r7; r0 += r8; r0 += r9
        exit
      down:
        *(u64 *)(r10 - 8) = r1
        r6 = r1; r7 = 60; r8 = 70; r9 = 80
        r0 = 0
        if r1 == 0 goto out
        r1 += -1
        call local down
      out:
        r1 = *(u64 *)(r10 - 8)
        r0 += r1; r0 += r6
        exit`),
      );
      expect(native).toBe(reference);
    });

    test('a tail call from a function returns to the caller of that function', () => {
      const callee = assemble('r0 = *(u64 *)(r1 + 0)\n r0 += 5\n exit', { name: 'callee' });
      const caller = assemble(`
      .map progs type=prog_array key=4 value=4 entries=4
      caller:
        r6 = 1
        call local inner
        r0 += r6
        exit
      inner:
        r6 = 50
        *(u64 *)(r10 - 8) = r6
        r2 = progs ll
        r3 = 2
        call 12
        r0 = 7
        r0 += r6
        exit`);
      const withSlot = (index: number): Program => ({
        ...caller,
        maps: [
          {
            ...caller.maps[0]!,
            initialSymbols: [{ offset: index, size: 8, kind: 'program', symbol: 'callee', addend: 0 }],
          },
        ],
      });
      const mem = new Uint8Array(8);
      mem[0] = 36;
      for (const [index, expected] of [
        [2, 42n],
        [1, 58n],
      ] as const) {
        const prepared = machine.prepare([withSlot(index), callee]);
        expect(prepared.programs[0]!.run({ mem }).r0).toBe(expected);
        prepared.dispose();
      }
    });

    test('branches just in and just out of the short reach, both ways', () => {
      // 3 bytes and, with r6 in a low register, 2 bytes each: every distance around 127 occurs
      for (let pad = 0; pad < 3; pad++) {
        for (let count = 38; count < 48; count++) {
          const filler = `${'r0 += 300\n'.repeat(Math.floor((count * 3) / 7))}${'r0 ^= r2\n'.repeat(count % 7)}${'w0 += w2\n'.repeat(pad)}`;
          const program = assemble(`
          r0 = 0
          r2 = 77
          r3 = 3
        back:
          if r1 == 5 goto ahead
          ${filler}
        ahead:
          ${filler}
          r3 += -1
          if r3 != 0 goto back
          exit`);
          for (const value of [5n, 6n]) {
            const { native, reference, compiled } = run(program, [value]);
            expect(native).toBe(reference);
            for (let i = 0; i < compiled.nodes.length; i++) {
              const { form, label } = compiled.nodes[i]!;
              if (!form.name.endsWith('_rel32') || form.name === 'call_rel32') continue;
              const distance = compiled.labelOffsets[label]! - compiled.nodeOffsets[i]!;
              // a long form is there only for distances that the short one does not reach, give or take its own growth
              expect(distance < -122 || distance > 125).toBe(true);
            }
          }
        }
      }
    });

    test('branches over more than 100 KiB, both ways', () => {
      const filler = 'r0 = 0x123456789abcdef ll\n *(u64 *)(r10 - 8) = r0\n'.repeat(10_000);
      const { native, reference, compiled } = run(
        assemble(`
        r0 = 1
        goto middle
      early:
        exit
      middle:
        if r1 == 0 goto late
        ${filler}
        r0 = 2
      late:
        r0 += 3
        if r0 == 4 goto early
        exit`),
        [0n],
      );
      expect(compiled.code.length).toBeGreaterThan(100_000);
      expect([native, reference]).toEqual([4n, 4n]);
    });

    test('helper tables anywhere in the address space', () => {
      const program = assemble('r1 = 4; r2 = 0; r3 = 0; r4 = 0; r5 = 0\n call 3\n exit');
      const text = (address: bigint): string => {
        const { nodes } = compile(program, x86_64, { helperCalls: { kind: 'table', address, count: 8 } });
        return nodes
          .map((node) => (node.form.syntax === '' ? '' : x86_64.print(node, 0)))
          .filter((line) => /call|mov.*(rax|eax)/.test(line))
          .join('; ');
      };
      expect(text(0x1000n)).toBe('call qword ptr ds:4120');
      expect(text(0x7fffffe0n)).toBe('call qword ptr ds:2147483640');
      expect(text(0x80000000n)).toBe('mov eax, 2147483672; call qword ptr [rax]');
      expect(text(0x7f00_1234_5678n)).toBe('movabs rax, 0x00007f0012345690; call qword ptr [rax]');
      expect(text(0xffff_ffff_8000_0000n)).toBe('call qword ptr ds:-2147483624');
      expect(text(-0x8000_0000n)).toBe('call qword ptr ds:-2147483624');
      expect(text(0xffff_ffff_0000_0000n)).toBe('movabs rax, 0xffffffff00000018; call qword ptr [rax]');
      expect(() =>
        compile(assemble('call 8\n exit'), x86_64, { helperCalls: { kind: 'table', address: 0n, count: 8 } }),
      ).toThrow(expect.objectContaining({ code: 'E_JIT_PROGRAM' }));
    });

    test('a symbol out of reach is E_JIT_LINK', () => {
      const compiled = compile(assemble('call 3\n exit'), x86_64);
      const at = (address: bigint): Uint8Array => link(compiled, 0x10000n, () => address);
      expect(at(0x10000n + 0x7fffffffn).length).toBe(compiled.code.length);
      expect(() => at(0x10000n + 0x80000010n)).toThrow(expect.objectContaining({ code: 'E_JIT_LINK' }));
    });
  },
);
