import { isBpfError } from '@polybpf/errors';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineHelper, type OwnHelperContext } from './define-helper.ts';

/** Registers 1 to 5. */
function context(...values: bigint[]): OwnHelperContext {
  return {
    arg: (n) => BigInt.asUintN(64, values[n - 1]!),
    arg32: (n) => Number(BigInt.asUintN(32, values[n - 1]!)),
  };
}

describe('defineHelper', () => {
  it('gives arguments by their kinds', () => {
    const helper = defineHelper({
      id: 1000,
      name: 'all_kinds',
      args: ['u64', 's64', 'u32', 's32', 'pointer'],
      ret: 'void',
      impl(a, b, c, d, e) {
        expectTypeOf(a).toEqualTypeOf<bigint>();
        expectTypeOf(b).toEqualTypeOf<bigint>();
        expectTypeOf(c).toEqualTypeOf<number>();
        expectTypeOf(d).toEqualTypeOf<number>();
        expectTypeOf(e).toEqualTypeOf<bigint>();
        seen.push(a, b, c, d, e);
      },
    });
    const seen: unknown[] = [];
    expect(helper.call(context(-1n, -1n, -1n, -1n, 0x1000n))).toBe(0n);
    expect(seen).toEqual([0xffff_ffff_ffff_ffffn, -1n, 0xffff_ffff, -1, 0x1000n]);
  });

  it('extends results to 64 bits', () => {
    const result = <R extends 'u32' | 's32'>(ret: R): bigint =>
      defineHelper({ id: 1, name: 'f', args: [], ret: ret as 'u32', impl: () => -2 }).call(context());
    expect(result('u32')).toBe(0xffff_fffen);
    expect(result('s32')).toBe(0xffff_ffff_ffff_fffen);
    expect(defineHelper({ id: 1, name: 'f', args: [], ret: 's64', impl: () => -2n }).call(context())).toBe(
      2n ** 64n - 2n,
    );
  });

  it('gives the context of the engine last', () => {
    const helper = defineHelper({
      id: 7,
      name: 'f',
      args: ['u32'],
      ret: 'u64',
      impl: (a, cx) => BigInt(a) + cx.arg(2),
    });
    expect(helper.call(context(1n, 41n))).toBe(42n);
    expect(helper).toMatchObject({ id: 7, name: 'f', args: ['u32'], ret: 'u64', gpl: false });
  });

  it('refuses what no call can be', () => {
    const define = (id: number): unknown =>
      defineHelper({ id, name: 'f', args: [], ret: 'void', impl: () => undefined });
    for (const id of [-1, 0.5, 2 ** 31]) expect(() => define(id)).toThrow(/id of helper f/);
    const six = ['u64', 'u64', 'u64', 'u64', 'u64', 'u64'] as never;
    try {
      defineHelper({ id: 1, name: 'f', args: six, ret: 'void', impl: () => undefined });
      expect.unreachable();
    } catch (error) {
      expect(isBpfError(error) && [error.code, error.expected, error.got]).toEqual(['E_INPUT', 'at most 5', '6']);
    }
  });
});
