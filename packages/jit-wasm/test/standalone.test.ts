/** Modules that own their memory: run by this JavaScript engine; `wabt.native.test.ts` has another one. */
import assert from 'node:assert/strict';
import { assemble } from '@polybpf/asm';
import { wasmApi } from '@polybpf/interpreter/engine';
import { makeProgram, type MapDef } from '@polybpf/isa';
import { describe, it } from 'vitest';
import { compileToWasm, type WasmProgram } from '../src/index.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly mem: { readonly value: number };
  run(length: number): bigint;
}

type Host = (client: number, insn: number, depth: number) => number;

function load({ bytes }: WasmProgram, host?: (exports: Exports) => Host): Exports {
  const api = wasmApi();
  assert.equal(api.validate(bytes), true);
  const made: { call?: Host } = {};
  const bpf = { host: (...args: Parameters<Host>) => made.call!(...args) };
  const exports = new api.Instance(new api.Module(bytes), host === undefined ? {} : { bpf }).exports as unknown as Exports; // prettier-ignore
  if (host !== undefined) made.call = host(exports);
  return exports;
}

describe('compileToWasm', () => {
  it('makes a module without imports', () => {
    const program = assemble(
      'r0 = *(u32 *)(r1 + 0)\n*(u64 *)(r10 - 8) = r2\nr3 = *(u64 *)(r10 - 8)\nr0 += r3\n*(u8 *)(r1 + 3) = 9\nexit',
    );
    const { run, memory, mem } = load(compileToWasm(program, { mem: Uint8Array.of(1, 2, 0, 0) }));
    assert.equal(run(4), 0x205n);
    assert.equal(new Uint8Array(memory.buffer)[mem.value + 3], 9);
    assert.throws(() => run(3), /unreachable/);
    assert.equal(new Int32Array(memory.buffer)[0x78 / 4], 0);
    assert.throws(() => run(1 << 20), /unreachable/);
  });

  it('does not depend on what was compiled before', () => {
    const program = assemble('r0 = *(u8 *)(r1 + 5)\nexit');
    const fresh = compileToWasm(program).bytes.slice();
    compileToWasm(assemble('*(u64 *)(r10 - 8) = r1\ncall +1\nexit\nr0 = 7\nexit'), {
      mem: new Uint8Array(100_000).fill(9),
    });
    assert.deepEqual(compileToWasm(program).bytes, fresh);
  });

  it('traps when the budget is used up', () => {
    const { run } = load(compileToWasm(assemble('l:\nr0 += 1\ngoto l'), { budget: 1000 }));
    assert.throws(() => run(0), /unreachable/);
  });

  it('has helpers come from the host', () => {
    const module = compileToWasm(assemble('r1 = 20\ncall 7\nr0 += 1\nexit'), { helpers: [{ id: 7, call: () => 0 }] });
    assert.equal(module.needsHost, true);
    const { run } = load(module, ({ memory }) => (_, insn) => {
      const registers = new BigInt64Array(memory.buffer, module.registers, 11);
      assert.equal(insn, 1);
      registers[0] = registers[1]! * 2n;
      return 0;
    });
    assert.equal(run(0), 41n);
  });

  it('brings data sections along', () => {
    const rodata: MapDef = { name: '.rodata', kind: 'rodata', type: 2, keySize: 4, valueSize: 8, maxEntries: 1, initial: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) } as MapDef; // prettier-ignore
    const { insns } = assemble('r1 = map_idx_value[0][4] ll\nr0 = *(u32 *)(r1 + 0)\nexit');
    assert.equal(load(compileToWasm(makeProgram(insns, { maps: [rodata] }))).run(0), 0x08070605n);
  });

  it('runs functions and programs of the other byte order', () => {
    const text = 'r6 = r1\ncall f\nr0 = *(u16 *)(r6 + 0)\nexit\nf:\nr0 = 3\nexit';
    const mem = Uint8Array.of(1, 2);
    assert.equal(load(compileToWasm(assemble(text, { endian: 'big' }), { mem })).run(2), 0x0102n);
    assert.equal(load(compileToWasm(assemble(text), { mem })).run(2), 0x0201n);
  });

  it('refuses options that make no sense', () => {
    assert.throws(() => compileToWasm(assemble('exit'), { memBytes: -1 }), { code: 'E_INPUT' });
  });
});
