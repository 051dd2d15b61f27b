/**
 * Matchers for vitest and jest: `expect.extend(bpfMatchers)`. They look at results of runs and at maps of a VM, and say in
 * their messages what the program did.
 */
import { fromHexText, toHexText, type Vm, type VmRunResult } from '@polybpf/runtime';

/** What a matcher gives to the test runner. */
export interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
  readonly actual?: unknown;
  readonly expected?: unknown;
}

/** Type of the matchers on `expect`, to merge into the test runner's own; see the README. */
export interface BpfMatchers<R = unknown> {
  /** The verdict's name (`XDP_DROP`, `TC_ACT_OK`, `allow`), or the return value. */
  toReturn(verdict: string | number | bigint): R;
  /** The packet afterwards, as bytes or hex. */
  toHavePacket(packet: Uint8Array | string): R;
  /** A line of `bpf_printk` that is, or matches, this. */
  toHavePrinted(line: string | RegExp): R;
  /** A fault with this code, or any. */
  toFault(code?: string): R;
  /** The program ran to its exit. */
  toExit(): R;
  /** An element of a map of the VM; without a value any. */
  toHaveMapEntry(map: string, key: unknown, value?: unknown): R;
  /** Number of elements of a map of the VM. */
  toHaveMapSize(map: string, size: number): R;
  /** The value of a global variable of the VM. */
  toHaveGlobal(name: string, value: unknown): R;
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) return `<${toHexText(value)}>`;
  return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? `${member}n` : member instanceof Uint8Array ? `<${toHexText(member)}>` : member)) ?? String(value); // prettier-ignore
}

/** Equal in all members; a number and a bigint of the same value are equal. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a === 'bigint' || typeof b === 'bigint') {
    return (typeof a === 'bigint' || typeof a === 'number') && (typeof b === 'bigint' || typeof b === 'number') && BigInt(a) === BigInt(b); // prettier-ignore
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return (
    left.length === right.length &&
    left.every(([name, value]) => name in b && sameValue(value, (b as Record<string, unknown>)[name]))
  );
}

function outcome(result: VmRunResult): string {
  if (result.error !== undefined) return `fault: ${result.error.message}`;
  return result.verdict === undefined ? `0x${result.r0.toString(16)}` : `${result.verdict} (${result.retval})`;
}

/** The program's name, and what it did where that helps. */
function told(result: VmRunResult, pass: boolean, wanted: string): () => string {
  const printed = result.printed.length === 0 ? '' : `\nprinted:\n${result.printed.join('\n')}`;
  return () =>
    `${result.program} ${pass ? 'was not expected' : 'was expected'} to ${wanted}; it gave ${outcome(result)}${printed}`;
}

/** For `expect.extend`. */
export const bpfMatchers: {
  toReturn(result: VmRunResult, verdict: string | number | bigint): MatcherResult;
  toHavePacket(result: VmRunResult, packet: Uint8Array | string): MatcherResult;
  toHavePrinted(result: VmRunResult, line: string | RegExp): MatcherResult;
  toFault(result: VmRunResult, code?: string): MatcherResult;
  toExit(result: VmRunResult): MatcherResult;
  toHaveMapEntry(vm: Vm, map: string, key: unknown, ...value: readonly unknown[]): MatcherResult;
  toHaveMapSize(vm: Vm, map: string, size: number): MatcherResult;
  toHaveGlobal(vm: Vm, name: string, value: unknown): MatcherResult;
} = {
  toReturn(result, verdict) {
    const actual = typeof verdict === 'string' ? result.verdict : result.retval;
    const expected = typeof verdict === 'string' ? verdict : Number(BigInt.asUintN(32, BigInt(verdict)));
    const pass = result.error === undefined && actual === expected;
    return { pass, message: told(result, pass, `return ${verdict}`), actual, expected };
  },
  toHavePacket(result, packet) {
    const expected = toHexText(typeof packet === 'string' ? fromHexText(packet) : packet);
    const actual = result.packet === undefined ? undefined : toHexText(result.packet);
    const pass = actual === expected;
    return { pass, message: told(result, pass, `leave the packet ${expected}`), actual, expected };
  },
  toHavePrinted(result, line) {
    const lines = result.printed.map((text) => text.replace(/\n$/, ''));
    const pass = lines.some((text) => (typeof line === 'string' ? text === line : line.test(text)));
    return { pass, message: told(result, pass, `print ${String(line)}`), actual: lines, expected: line };
  },
  toFault(result, code) {
    const pass = result.fault !== undefined && (code === undefined || result.fault.code === code);
    return { pass, message: told(result, pass, `fault${code === undefined ? '' : ` with ${code}`}`), actual: result.fault?.code, expected: code }; // prettier-ignore
  },
  toExit(result) {
    const pass = result.fault === undefined;
    return { pass, message: told(result, pass, 'run to its exit') };
  },
  toHaveMapEntry(vm, name, key, ...value) {
    const map = vm.map(name);
    const actual = map.get(key);
    const pass = actual !== undefined && (value.length === 0 || sameValue(actual, value[0]));
    const contents = (): string => [...map.entries()].slice(0, 20).map(([k, v]) => `  ${show(k)}: ${show(v)}`).join('\n') || '  nothing'; // prettier-ignore
    const wanted = value.length === 0 ? '' : ` with the value ${show(value[0])}`;
    const message = (): string => `map ${name} ${pass ? 'was not expected' : 'was expected'} to have the key ${show(key)}${wanted}; it holds\n${contents()}`; // prettier-ignore
    return { pass, message, actual, expected: value[0] };
  },
  toHaveMapSize(vm, name, size) {
    const actual = vm.map(name).size;
    const pass = actual === size;
    return {
      pass,
      message: () => `map ${name} was expected to have ${size} elements; it has ${actual}`,
      actual,
      expected: size,
    };
  },
  toHaveGlobal(vm, name, value) {
    const actual = vm.globals.get(name);
    const pass = sameValue(actual, value);
    return {
      pass,
      message: () => `global ${name} was expected to be ${show(value)}; it is ${show(actual)}`,
      actual,
      expected: value,
    };
  },
};
