import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileURLToPath } from 'node:url';
import { assemble } from '@polybpf/asm';
import { isBpfError } from '@polybpf/errors';
import { loadSuite } from '@polybpf/conformance/node';
import { makeInsn, type Program } from '@polybpf/isa';
import { createKernelRunner, type KernelRunner, type LiveKernel, openLiveKernel } from '@polybpf/kernel';
import { describeKernel } from './with-kernel.ts';

let kernel: LiveKernel;
let runner: KernelRunner;
beforeAll(() => {
  kernel = openLiveKernel();
  runner = createKernelRunner(kernel);
});
afterAll(() => kernel?.[Symbol.dispose]());

const program = (...lines: string[]): Program => assemble(lines.join('\n'), { endian: 'little' });

describeKernel('running programs', () => {
  test('all 64 bits of r0, and the other registers', () => {
    const outcome = runner.run(program('r0 = 0x123456789abcdef0 ll', 'r6 = -1', 'r3 = 7', 'exit'));
    expect(outcome).toMatchObject({ accepted: true, r0: 0x123456789abcdef0n, retval: 0x9abcdef0, complete: true });
    expect(outcome.accepted ? outcome.registers : []).toEqual([0x123456789abcdef0n, 0n, 0n, 7n, undefined, undefined, 2n ** 64n - 1n, undefined, undefined, undefined]); // prettier-ignore
  });

  test('every exit is one, whatever frames and loops come before it', () => {
    const several = program('r6 = *(u8 *)(r1 + 0)', 'r0 = 1', 'if r6 == 0 goto +4', 'r1 = r6', 'call pc+4', 'r0 += 100', 'exit', 'r0 = 2', 'exit', 'r0 = r1', 'r0 *= 2', 'exit'); // prettier-ignore
    const run = (byte: number): unknown => {
      const outcome = runner.run(several, { mem: Uint8Array.of(byte) });
      return outcome.accepted ? outcome.r0 : outcome.message;
    };
    expect([run(0), run(5)]).toEqual([2n, 110n]);
  });

  test('memory in and out, and its bounds are those of the verifier', () => {
    const swap = program('r3 = *(u8 *)(r1 + 0)', 'r4 = *(u8 *)(r1 + 2)', '*(u8 *)(r1 + 0) = r4', '*(u8 *)(r1 + 2) = r3', 'r0 = r2', 'exit'); // prettier-ignore
    expect(runner.run(swap, { mem: Uint8Array.of(1, 2, 3) })).toMatchObject({ r0: 3n, mem: Uint8Array.of(3, 2, 1) });
    expect(runner.run(swap, { mem: Uint8Array.of(1, 2) })).toMatchObject({
      accepted: false,
      errnoName: 'EACCES',
      message: expect.stringMatching(/^R1 (min|max) value is outside of the allowed memory range$/),
    });
  });

  test('a program may use its whole stack', () => {
    const whole = program('*(u64 *)(r10 - 512) = 9', 'r0 = *(u64 *)(r10 - 512)', 'exit');
    expect(runner.run(whole)).toMatchObject({ accepted: true, r0: 9n });
  });

  test('a far epilogue', () => {
    const body = Array.from({ length: 40_000 }, () => 'r0 += 1');
    const long = program('r0 = 0', 'if r1 != 5 goto +1', 'gotol early', ...body, 'exit', 'early:', 'exit');
    expect(runner.run(long)).toMatchObject({ accepted: true, r0: 40_000n });
  });

  test('prepared once, run often; memory of several sizes side by side', () => {
    const add = program('r3 = *(u8 *)(r1 + 0)', 'r3 += 1', '*(u8 *)(r1 + 0) = r3', 'r0 = r3', 'exit');
    const prepared = Array.from({ length: 40 }, (_, i) => {
      const outcome = runner.prepare(add, { memSize: i + 1 });
      if (!outcome.accepted) throw new Error(outcome.load.message);
      return outcome.program;
    });
    prepared.forEach((one, i) => expect(one.run({ mem: new Uint8Array(i + 1).fill(i) }).r0).toBe(BigInt(i + 1)));
    expect(prepared[0]!.run({ mem: Uint8Array.of(0), repeat: 10 })).toMatchObject({ r0: 10n, mem: Uint8Array.of(10) });
    expect(() => prepared[0]!.run({ mem: new Uint8Array(2) })).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
    for (const one of prepared) one.close();
  });

  test('maps keep what the program wrote', () => {
    const counting = program(
      '.map counts type=array key=4 value=8 entries=4',
      '*(u32 *)(r10 - 4) = 2',
      'r2 = r10',
      'r2 += -4',
      'r1 = map counts ll',
      'call 1',
      'if r0 == 0 goto +3',
      'r1 = *(u64 *)(r0 + 0)',
      'r1 += 5',
      '*(u64 *)(r0 + 0) = r1',
      'r0 = 0',
      'exit',
    );
    const prepared = runner.prepare(counting);
    if (!prepared.accepted) throw new Error(prepared.load.log);
    using loaded = prepared.program;
    loaded.run();
    loaded.run();
    expect([...loaded.maps[0]!.entries()].map(({ value }) => value[0])).toEqual([0, 0, 10, 0]);
  });

  test('the context of a type, with its packet', () => {
    const xdp = program(
      'r0 = 1',
      'r2 = *(u32 *)(r1 + 0)',
      'r3 = *(u32 *)(r1 + 4)',
      'r4 = r2',
      'r4 += 14',
      'if r4 > r3 goto +2',
      '*(u8 *)(r2 + 3) = 0xaa',
      'r0 = *(u8 *)(r2 + 1)',
      'exit',
    );
    const prepared = runner.prepare(xdp, { type: 'xdp', input: 'context' });
    if (!prepared.accepted) throw new Error(prepared.load.message);
    using loaded = prepared.program;
    const { r0, data } = loaded.run({ data: Uint8Array.from({ length: 64 }, (_, i) => i) });
    expect([r0, data[3]]).toEqual([1n, 0xaa]);
  });

  test('a program that ends in another one tells 32 bits', () => {
    using programs = kernel.createMap({ type: 'prog_array', keySize: 4, valueSize: 4, maxEntries: 1 });
    const target = kernel.load(Buffer.from('b70000004d0000009500000000000000', 'hex'), { type: 'sched_cls' });
    programs.update(new Uint8Array(4), new Uint8Array(Uint32Array.of(target.accepted ? target.fd : 0).buffer));
    const tail = [
      makeInsn(0x18, 2, 1, 0, programs.fd),
      makeInsn(0, 0, 0, 0, 0),
      ...program('r3 = 0', 'call 12', 'r0 = 5', 'exit').insns,
    ];
    const prepared = runner.prepare(tail, { input: 'context' });
    if (!prepared.accepted) throw new Error(prepared.load.message);
    using loaded = prepared.program;
    expect(loaded.run()).toMatchObject({ r0: 77n, complete: false });
  });

  test('the kernel says no in its own words, with the place', () => {
    const outcome = runner.run(program('r0 = 1', 'exit', 'exit'));
    expect(outcome).toMatchObject({ accepted: false, errnoName: 'EINVAL' });
    if (!outcome.accepted) expect(outcome.message).toBe(`unreachable insn ${2 + outcome.firstInsn}`);
    const unknown = [makeInsn(0xff, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];
    expect(runner.run(unknown)).toMatchObject({ message: 'unknown opcode ff', firstInsn: 0 });
  });

  test('what cannot be run is an error', () => {
    const big = { ...program('r0 = 0', 'exit'), endian: 'big' } as const;
    expect(() => runner.run(big)).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED' }));
    const open = { ...program('r0 = 0', 'exit'), relocations: [{ insn: 0, kind: 'kfunc', symbol: 'f', addend: 0 }] } as const; // prettier-ignore
    expect(() => runner.run(open)).toThrow(expect.objectContaining({ code: 'E_RUN_SYMBOL' }));
  });

  test('nothing stays open', () => {
    const before = kernel.openCount;
    for (let i = 0; i < 20; i++) runner.run(program('r0 = 1', 'exit'));
    runner.run(program('exit'));
    expect(kernel.openCount).toBe(before);
  });
});

describeKernel('test vectors', () => {
  const folder = fileURLToPath(new URL('../../../test-vectors', import.meta.url));

  test('what is labelled by Linux is what this kernel computes', () => {
    const vectors = loadSuite(folder).filter(({ source, orders }) => source.startsWith('linux') && orders.includes('little')); // prettier-ignore
    expect(vectors.length).toBeGreaterThan(1000);
    const wrong: string[] = [];
    for (const vector of vectors) {
      const expected = vector.expect.little;
      if (expected?.r0 === undefined) continue;
      try {
        const outcome = runner.run(vector.build('little'), { mem: vector.mem }, { registers: 'r0' });
        const mem = expected.mem ?? vector.mem;
        const same = outcome.accepted && outcome.r0 === expected.r0 && Buffer.from(outcome.mem).equals(mem);
        if (!same) wrong.push(`${vector.name}: ${outcome.accepted ? outcome.r0.toString(16) : outcome.message}`);
      } catch (error) {
        if (!isBpfError(error)) throw error;
        wrong.push(`${vector.name}: ${error.message}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
