import assert from 'node:assert/strict';
import { makeInsn, makeProgram, type Program } from '@polybpf/isa';
import { describe, it } from 'vitest';
import { createArena, createInterpreter, createMemory, runProgram } from '../src/index.ts';

/** *(u8 *)(r1 + 0) += 1; r0 = *(u8 *)(r1 + 0); *(u64 *)(r10 - 8) = r0; exit */
function increment(): Program {
  return makeProgram([
    makeInsn(0x71, 0, 1, 0, 0),
    makeInsn(0x07, 0, 0, 0, 1),
    makeInsn(0x73, 1, 0, 0, 0),
    makeInsn(0x7b, 10, 0, -8, 0),
    makeInsn(0x95, 0, 0, 0, 0),
  ]);
}

describe('memory in an arena', () => {
  it('keeps every region inside and its tables true', () => {
    const arena = createArena({ size: 1 << 20 });
    const memory = createMemory({ arena });
    const own = memory.allocate(100);
    const a = memory.add({ name: 'a', kind: 'mem', data: own });
    const outside = Uint8Array.of(1, 2, 3);
    const b = memory.add({ name: 'b', kind: 'rodata', data: outside, writable: false });
    assert.equal(a.data, own);
    assert.deepEqual([...b.data], [1, 2, 3]);
    assert.equal(arena.holds(b.data), true);
    assert.equal(arena.words[0x1000 / 4 + b.number], b.data.byteOffset);
    assert.equal(arena.words[0x2000 / 4 + b.number], 3);
    assert.equal(arena.words[0x3000 / 4 + b.number], 0);
    memory.remove(b.number);
    assert.equal(arena.words[0x2000 / 4 + b.number], 0);
    assert.equal(memory.add({ name: 'c', kind: 'mem', data: outside }).data.byteOffset, b.data.byteOffset);
  });

  it('copies bytes from outside in and out', () => {
    const memory = createMemory({ arena: createArena({ size: 1 << 20 }) });
    const mem = Uint8Array.of(41);
    const interpreter = createInterpreter(increment(), { memory });
    assert.equal(interpreter.run({ mem }).r0, 42n);
    assert.equal(mem[0], 42);
    assert.equal(interpreter.tryRun({ mem, memWritable: false }).fault?.insn, 2);
    assert.equal(mem[0], 42);
    const execution = interpreter.start({ mem });
    execution.step();
    execution.step();
    assert.equal(mem[0], 42);
    execution.step();
    assert.equal(mem[0], 43);
    const inside = memory.allocate(1);
    interpreter.run({ mem: inside });
    assert.equal(inside[0], 1);
  });

  it('does not grow with the number of runs', () => {
    const arena = createArena({ size: 1 << 20 });
    const interpreter = createInterpreter(increment(), { memory: createMemory({ arena }) });
    const mem = new Uint8Array(1000);
    interpreter.run({ mem });
    const { used } = arena;
    for (let i = 0; i < 10; i++) interpreter.run({ mem });
    assert.equal(arena.used, used);
  });

  it('is cleared when the next memory takes it over', () => {
    const arena = createArena({ size: 1 << 20 });
    runProgram(increment(), { memory: createMemory({ arena }), mem: Uint8Array.of(7) });
    assert.ok(arena.used > 0);
    const memory = createMemory({ arena });
    assert.equal(arena.used, 0);
    assert.ok(memory.allocate(4096).every((byte) => byte === 0));
  });

  it('says when it is full', () => {
    const memory = createMemory({ arena: createArena({ size: 1 << 17 }) });
    assert.throws(() => memory.allocate((1 << 16) | 1), { code: 'E_INPUT' });
    assert.throws(() => createArena({ size: 1 }), { code: 'E_INPUT' });
  });

  it('pauses after a number of instructions', () => {
    const loop = makeProgram([makeInsn(0x07, 0, 0, 0, 1), makeInsn(0x05, 0, 0, -2, 0)]);
    const execution = createInterpreter(loop).start();
    assert.equal(execution.resume(100), 'paused');
    assert.equal(execution.result().insnsExecuted, 100);
    assert.equal(execution.resume(1), 'paused');
    assert.equal(execution.result().insnsExecuted, 101);
  });
});
