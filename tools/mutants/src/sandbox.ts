/** Seeded bugs of `bounds: 'sandbox'`: in what all targets share, in the runner's side, and two of every target. */
import type { Mutant } from './mutant.ts';

const SANDBOX = 'packages/jit/src/sandbox.ts';
const KNOWN = 'packages/jit/src/known-address.ts';
const ACCESS = 'packages/jit/src/access.ts';
const LOWER = 'packages/jit/src/lower-sandbox.ts';
const unit = (name: string): Mutant['killedBy'] => ({ test: 'packages/jit/src/sandbox.test.ts', name });
const native = (name: string): Mutant['killedBy'] => ({ test: 'packages/machine/test/sandbox.native.test.ts', name });

const SHARED: readonly Mutant[] = [
  {
    id: 'sandbox/atomics',
    file: ACCESS,
    find: "'fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg', 'cmpxchg',",
    replace: "'fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg',",
    what: 'compare-and-exchange is not checked',
    killedBy: unit('loads, stores and atomics of every kind'),
  },
  {
    id: 'sandbox/release',
    file: ACCESS,
    find: "'store', 'store_imm', 'store_release',",
    replace: "'store', 'store_imm',",
    what: 'a store with release order is not checked',
    killedBy: unit('loads, stores and atomics of every kind'),
  },
  {
    id: 'sandbox/fetched-value',
    file: ACCESS,
    find: 'return 1 << op.b;',
    replace: 'return 0;',
    what: 'a register that an atomic has written counts as checked',
    killedBy: unit('made again once the register was written'),
  },
  {
    id: 'sandbox/compared-value',
    file: ACCESS,
    find: "    case 'cmpxchg':\n      return 1;",
    replace: "    case 'cmpxchg':\n      return 0;",
    what: 'r0 counts as checked after compare-and-exchange has written it',
    killedBy: unit('made again once the register was written'),
  },
  {
    id: 'sandbox/call',
    file: ACCESS,
    find: 'return 0b111111;',
    replace: 'return 0b111110;',
    what: 'what a helper returns counts as checked',
    killedBy: unit('made again once the register was written'),
  },
  {
    id: 'sandbox/one-way',
    file: KNOWN,
    find: 'if (a === undefined || b === undefined || a.kind !== b.kind) return undefined;',
    replace: 'if (a === undefined || b === undefined || a.kind !== b.kind) return a ?? b;',
    what: 'what holds on one way to a place holds there',
    killedBy: unit('hold on all ways'),
  },
  {
    id: 'sandbox/upward',
    file: KNOWN,
    find: 'value.hi + offset + bytes <= reach',
    replace: 'value.lo + offset + bytes <= reach',
    what: 'indices may be of any size',
    killedBy: unit('let small indices pass'),
  },
  {
    id: 'sandbox/downward',
    file: KNOWN,
    find: 'value.lo + offset >= -REACH_BYTES &&',
    replace: '',
    what: 'a checked pointer may be lowered without limit',
    killedBy: unit('beyond the guard zones'),
  },
  {
    id: 'sandbox/wrapped',
    file: KNOWN,
    find: "return result?.kind === 'number' && result.hi <= MOST32 ? result : known('number', 0, MOST32);",
    replace: 'return result;',
    what: 'nothing is known of results of 32 bits',
    killedBy: unit('indices of 32 bits pass'),
  },
  {
    id: 'sandbox/bound-width',
    file: KNOWN,
    find: 'if (width !== 64 && (value === undefined',
    replace: 'if (width === 0 && (value === undefined',
    what: 'a comparison of lower halves bounds 64 bits',
    killedBy: unit('branches that bound them'),
  },
  {
    id: 'sandbox/bound-condition',
    file: KNOWN,
    find: 'switch (holds ? cond : INVERTED[cond])',
    replace: 'switch (cond)',
    what: 'a bound holds where the branch was not taken',
    killedBy: unit('branches that bound them'),
  },
  {
    id: 'sandbox/slot-overlap',
    file: 'packages/jit/src/sandbox-slots.ts',
    find: 'for (let k = first; k <= last; k++)',
    replace: 'for (let k = first; k < last; k++)',
    what: 'a store into part of a slot does not change what is known of it',
    killedBy: unit('slots of the stack'),
  },
  {
    id: 'sandbox/sign',
    file: KNOWN,
    find: "case 'load_acquire':\n    case 'load_bswap':",
    replace: "case 'load_acquire':\n    case 'load_sext':\n    case 'load_bswap':",
    what: 'a signed byte counts as a number from 0 to 255',
    killedBy: unit('let small indices pass'),
  },
  {
    id: 'sandbox/map-handle',
    file: KNOWN,
    find: "op.symbol?.kind === 'data' ?",
    replace: "op.symbol?.kind !== 'function' && op.symbol !== undefined && 'map' in op.symbol ?",
    what: 'the handle of a map counts as memory',
    killedBy: unit('trust the address of global data'),
  },
  {
    id: 'sandbox/data-offset',
    file: KNOWN,
    find: 'op.addend >= 0 && op.addend < size',
    replace: 'size > 0',
    what: 'an address far behind global data counts as memory',
    killedBy: unit('trust the address of global data'),
  },
  {
    id: 'sandbox/frame-escapes',
    file: SANDBOX,
    find: 'return op.b === R10;',
    replace: 'return false;',
    what: 'a frame whose address is stored in it stays on the stack of the machine',
    killedBy: unit('leave a frame alone'),
  },
  {
    id: 'sandbox/frame-end',
    file: SANDBOX,
    find: 'op.offset < -fn.stackDepth || op.offset + op.width / 8 > 0',
    replace: 'op.offset < -fn.stackDepth || op.offset > 0',
    what: 'an access across the end of the frame reaches the stack of the machine',
    killedBy: unit('leave a frame alone'),
  },
  {
    id: 'sandbox/callee',
    file: LOWER,
    find: "lowerOp(cx, makeOp('jump', op.insn, { label: failing(op.insn, op.a, 0) }));",
    replace: '',
    what: 'a call through a register may go anywhere',
    killedBy: native('calls functions of the program'),
  },
  {
    id: 'sandbox/live',
    file: LOWER,
    find: '      // The callee and its arguments are read after these ops, if not after the call.\n      cx.liveAfter = EVERYTHING;',
    replace: '',
    what: 'checking the callee of a call may destroy its arguments',
    killedBy: native('calls functions of the program'),
  },
  {
    id: 'sandbox/helper-memory',
    file: 'packages/machine/src/machine-memory.ts',
    find: 'if (unsigned >= first && length >= 0 && unsigned + BigInt(length) <= end) return unsigned;',
    replace: 'if (length >= 0 && unsigned + BigInt(length) <= end) return unsigned;',
    what: 'helpers write to memory below the arena for a sandboxed program',
    killedBy: native('lets helpers reach the arena'),
  },
  {
    id: 'sandbox/callback',
    file: 'packages/machine/src/prepare.ts',
    find: 'if (functions.includes(BigInt.asUintN(64, address))) return',
    replace: 'return',
    what: 'helpers call back any address',
    killedBy: native('lets helpers reach the arena'),
  },
  {
    id: 'sandbox/canary',
    file: 'packages/machine/src/canary.ts',
    find: 'bytes.every((byte, i) => byte === CANARY[i])',
    replace: 'bytes.every((byte, i) => byte === bytes[i])',
    what: 'nobody notices that a canary has changed',
    killedBy: native('notices'),
  },
];

/** Target, and whether it has a lowering of its own for `check` and for `fault`. */
const TARGETS = [
  ['x86_64', '', 'lowerFault'],
  ['arm64', '', ''],
  ['s390x', '', ''],
  ['riscv64', '', ''],
  ['ppc64', '', ''],
  ['mips64', '', ''],
  ['sparc64', '', ''],
  ['loongarch64', '', ''],
  ['arm', 'lowerCheck', 'lowerFault'],
] as const;

/** A patch that leaves a lowering out: its own, or the one that all targets share. */
function withoutLowering(kind: 'check' | 'fault', own: string): Pick<Mutant, 'find' | 'replace'> {
  const nothing = `  ${kind}: () => undefined,`;
  if (own !== '') return { find: `  ${kind}: ${own},`, replace: nothing };
  return { find: '  ...CALLS,', replace: `  ...CALLS,\n${nothing}` };
}

const OWN = TARGETS.flatMap(([target, check, fault]): Mutant[] => [
  {
    id: `${target}/sandbox-check`,
    file: `packages/jit-${target}/src/lower.ts`,
    ...withoutLowering('check', check),
    what: 'the checks of the sandbox are no instructions',
    killedBy: native('stops every access'),
  },
  {
    id: `${target}/sandbox-fault`,
    file: `packages/jit-${target}/src/lower.ts`,
    ...withoutLowering('fault', fault),
    what: 'a failed check is not reported',
    killedBy: native('stops every access'),
  },
]);

export const SANDBOX_MUTANTS: readonly Mutant[] = [...SHARED, ...OWN];
