import { expect, test } from 'vitest';
import { parseKconfig } from '../src/kconfig-values.ts';
import { loadObject } from '../src/load-object.ts';
import type { LoadedObject, LoadOptions } from '../src/loaded-object.ts';
import { fixture, fixtureBytes, mapOf, programOf } from './fixture.ts';

const ORDERS = ['el', 'eb'] as const;
type Order = (typeof ORDERS)[number];

function load(order: Order, options: LoadOptions): LoadedObject {
  return loadObject(fixtureBytes(`kernel.clang19.${order}.o`), options);
}

const CONFIG = `# Linux/x86 6.1.300-test Kernel Configuration
CONFIG_BOOL=y
CONFIG_TRI=m
CONFIG_CHAR=y
CONFIG_SHORT=-2
CONFIG_HEX=0x1122334455667788
CONFIG_TEXT="longer than it may be"
CONFIG_TEXT="second"
# CONFIG_ABSENT is not set
`;

/** Values of the variables by name, as numbers. */
function values(order: Order, text: string): Record<string, bigint | string> {
  const object = load(order, { kconfig: parseKconfig(text) });
  const { initial } = mapOf(object, '.kconfig');
  return Object.fromEntries(
    object.kconfig.map(({ name, offset, size }) => {
      const bytes = [...initial!.slice(offset, offset + size)];
      if (name === 'CONFIG_TEXT') return [name, String.fromCharCode(...bytes)];
      const ordered = order === 'eb' ? bytes : bytes.reverse();
      return [name, ordered.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)];
    }),
  );
}

test.each(ORDERS)('.kconfig from the text of a configuration, bpf%s', (order) => {
  expect(values(order, CONFIG)).toEqual({
    LINUX_KERNEL_VERSION: BigInt((6 << 16) + (1 << 8) + 255),
    CONFIG_BOOL: 1n,
    CONFIG_TRI: 2n,
    CONFIG_CHAR: BigInt('y'.charCodeAt(0)),
    CONFIG_SHORT: 0xfffen,
    CONFIG_HEX: 0x1122334455667788n,
    CONFIG_TEXT: 'longer \0',
    CONFIG_ABSENT: 0n,
  });
});

test.each([
  ['CONFIG_BOOL=m', /CONFIG_BOOL of \.kconfig is a bool, and the value is m, expected y or n/],
  ['CONFIG_SHORT=70000', /CONFIG_SHORT of \.kconfig is too small for 70000, expected 2 bytes/],
  ['CONFIG_SHORT=y', /CONFIG_SHORT of \.kconfig cannot hold y/],
  ['CONFIG_HEX="text"', /CONFIG_HEX of \.kconfig cannot hold "text", expected an array of char/],
  ['CONFIG_TEXT=5', /CONFIG_TEXT of \.kconfig cannot hold 5, expected an integer/],
  ['CONFIG_TRI=1', /CONFIG_TRI of \.kconfig cannot hold 1/],
])('%s does not fit', (line, message) => {
  const name = line.replace(/=.*/, '');
  const rest = CONFIG.split('\n').filter((other) => !other.startsWith(`${name}=`));
  expect(() => values('el', [...rest, line].join('\n'))).toThrow(message);
});

test('a variable without value is refused unless it is weak', () => {
  expect(() => values('el', CONFIG.replace('CONFIG_BOOL=y', ''))).toThrow(/CONFIG_BOOL of \.kconfig has no value/);
  expect(mapOf(load('el', {}), '.kconfig').initial).toBeUndefined();
});

test.each(ORDERS)('.ksyms by the ids of the target, bpf%s', (order) => {
  const targetBtf = fixture(`kernel-target.clang19.${order}.o`).btf!;
  const idOf = (kind: string, name: string): number => targetBtf.types.find((type) => type.kind === kind && type.name === name)!.id; // prettier-ignore
  const object = load(order, { targetBtf, kernelSymbols: new Map([['untyped_symbol', 0xffff_8888_0000_1234n]]) });
  const program = programOf(object, 'symbols');
  const { kernelSymbols } = object.details.find(({ name }) => name === 'symbols')!;
  const found = kernelSymbols.map(({ symbol, kind, btfId, insn }) => {
    const { opcode, src_reg, imm } = program.insns[insn]!;
    return `${symbol} ${kind} ${btfId}: ${opcode.toString(16)} ${src_reg} ${imm >>> 0} ${opcode === 0x18 ? program.insns[insn + 1]!.imm >>> 0 : ''}`.trim().replace(/20020000\d\d$/, 'poison'); // prettier-ignore
  });
  const [thing, called] = [idOf('VAR', 'kernel_thing'), idOf('FUNC', 'kernel_function')];
  expect([...new Set(found)].sort()).toEqual(
    [
      `kernel_thing variable ${thing}: 18 3 ${thing} 0`,
      `kernel_function function ${called}: 85 2 ${called}`,
      'missing_variable function 0: 18 0 0 0',
      'missing_function function 0: 18 0 0 0',
      'missing_function function 0: 85 0 poison',
      `untyped_symbol address 0: 18 0 ${0x1234} ${0xffff8888}`,
      'untyped_missing address 0: 18 0 0 0',
    ].sort(),
  );
  expect(object.unresolved.filter(({ program: name }) => name === 'symbols')).toEqual([]);
});

test('without addresses untyped symbols stay open, typed ones do not', () => {
  const object = load('el', { targetBtf: fixture('kernel-target.clang19.el.o').btf! });
  expect([...new Set(object.unresolved.map(({ symbol }) => symbol))].sort()).toEqual(['untyped_missing', 'untyped_symbol']); // prettier-ignore
  expect(new Set(load('el', {}).unresolved.map(({ symbol }) => symbol)).size).toBe(6);
});

test('a strong symbol that the kernel lacks, or has with another type, is refused', () => {
  const targetBtf = fixture('kernel-target.clang19.el.o').btf!;
  const renamed = (name: string): typeof targetBtf => ({ ...targetBtf, types: targetBtf.types.map((type) => (type.name === name ? { ...type, name: 'other' } : type)) }); // prettier-ignore
  expect(() => load('el', { targetBtf: renamed('kernel_thing') })).toThrow(/symbols: insn \d+: the kernel has no symbol kernel_thing/); // prettier-ignore
  expect(() => load('el', { targetBtf: renamed('kernel_function') })).toThrow(/the kernel has no function kernel_function/); // prettier-ignore
  const retyped = { ...targetBtf, types: targetBtf.types.map((type) => (type.kind === 'FUNC_PROTO' ? { ...type, params: type.params.slice(1) } : type)) }; // prettier-ignore
  expect(() => load('el', { targetBtf: retyped })).toThrow(/the kernel's kernel_function has another type/);
});
