import { makeInsn, makeProgram } from '@polybpf/isa';
import { expect, test } from 'vitest';
import { createInterpreter, createMemory, type PacketInput } from '../src/index.ts';

test('a hook turns a 4-byte field into a 64-bit pointer; other fields, stores and bounds are as without', () => {
  const program = makeProgram([
    makeInsn(0x61, 2, 1, 4, 0), // r2 = *(u32 *)(r1 + 4)
    makeInsn(0x62, 1, 0, 0, 7), // *(u32 *)(r1 + 0) = 7
    makeInsn(0x61, 0, 1, 0, 0), // r0 = *(u32 *)(r1 + 0)
    makeInsn(0x71, 3, 2, 1, 0), // r3 = *(u8 *)(r2 + 1)
    makeInsn(0x0f, 0, 3, 0, 0),
    makeInsn(0x95, 0, 0, 0, 0),
  ]);
  const memory = createMemory();
  const packet = memory.add({ name: 'packet', kind: 'packet', data: Uint8Array.of(1, 2, 3) });
  const ctx = memory.add({
    name: 'ctx',
    kind: 'ctx',
    data: new Uint8Array(8),
    load: (offset, width) => (offset === 4 && width === 4 ? memory.addressOf(packet) : undefined),
  });
  const interpreter = createInterpreter(program, { memory });
  expect(interpreter.run({ args: [memory.addressOf(ctx)] }).r0).toBe(9n);
  expect(memory.view(memory.addressOf(ctx), 4)).toEqual(Uint8Array.of(7, 0, 0, 0));
  expect(interpreter.tryRun({ args: [memory.addressOf(ctx, 4)] }).fault?.code).toBe('E_RUN_MEMORY');
  memory.remove(ctx.number);
  expect(interpreter.tryRun({ args: [memory.addressOf(ctx)] }).fault?.code).toBe('E_RUN_MEMORY');
});

test('a packet that changes while the program runs is read anew by each packet load', () => {
  const program = makeProgram([
    makeInsn(0x30, 0, 0, 0, 1), // r0 = *(u8 *)skb[1]
    makeInsn(0xbf, 6, 0, 0, 0), // r6 = r0
    makeInsn(0x85, 0, 0, 0, 1), // call 1
    makeInsn(0x30, 0, 0, 0, 1),
    makeInsn(0x0f, 0, 6, 0, 0), // r0 += r6
    makeInsn(0x95, 0, 0, 0, 0),
  ]);
  const packet: { -readonly [K in keyof PacketInput]: PacketInput[K] } = {
    data: Uint8Array.of(0, 10, 20),
    region: false,
  };
  const helper = { id: 1, call: () => void Object.assign(packet, { start: 1 }) };
  expect(createInterpreter(program, { helpers: [helper] }).run({ packet }).r0).toBe(30n);
});

test('loads of memory that is not there give 0 when asked to probe; stores fault all the same', () => {
  const program = makeProgram([
    makeInsn(0x18, 1, 0, 0, 0x1000),
    makeInsn(0, 0, 0, 0, 0x7fff),
    makeInsn(0xb7, 0, 0, 0, 5), // r0 = 5
    makeInsn(0x79, 0, 1, 8, 0), // r0 = *(u64 *)(r1 + 8)
    makeInsn(0x95, 0, 0, 0, 0),
  ]);
  expect(createInterpreter(program).tryRun().fault?.code).toBe('E_RUN_MEMORY');
  expect(createInterpreter(program, { probeLoads: true }).run().r0).toBe(0n);
  const store = makeProgram([makeInsn(0xb7, 1, 0, 0, 0), makeInsn(0x7b, 1, 1, 0, 0), makeInsn(0x95, 0, 0, 0, 0)]);
  expect(createInterpreter(store, { probeLoads: true }).tryRun().fault?.code).toBe('E_RUN_MEMORY');
});
