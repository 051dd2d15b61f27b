import type { Btf, BtfType } from '@polybpf/btf';
import { expect, test } from 'vitest';
import { exceptionCallback } from './exception-callback.ts';
import type { FunctionRange } from './functions.ts';

const types: BtfType[] = [
  { kind: 'VOID', id: 0, name: '' },
  { kind: 'FUNC', id: 1, name: 'main', type: 0, linkage: 1 },
  { kind: 'FUNC', id: 2, name: 'other', type: 0, linkage: 1 },
  { kind: 'DECL_TAG', id: 3, name: 'exception_callback:handler', type: 1, componentIndex: -1, attribute: false },
];
const cx = {
  btf: { types } as unknown as Btf,
  findType: (kind: string, name: string) => types.find((type) => type.kind === kind && type.name === name) as never,
};
const range = (name: string, isLocal: boolean): FunctionRange => ({ name, isLocal, isGap: false, start: 0, end: 2, section: {} as never }); // prettier-ignore

test('the callback of exceptions is the global function that a tag names', () => {
  const handler = range('handler', false);
  const functions = new Map([[1, [range('main', false), handler]]]);
  expect(exceptionCallback(cx, functions, range('main', false))).toBe(handler);
  expect(exceptionCallback(cx, functions, range('other', false))).toBeUndefined();
  expect(exceptionCallback(cx, new Map([[1, [range('handler', true)]]]), range('main', false))).toBeUndefined();
});
