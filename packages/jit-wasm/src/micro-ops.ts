/** Classes of micro-ops, as small numbers in tables: what compiled code has to know about an instruction. */
import { MICRO_OPS, type MicroOp, microOpNumber } from '@polybpf/interpreter/engine';
import { INSN_TABLE } from '@polybpf/isa';

/** How an instruction uses its registers and where control goes afterwards. */
export const CLASS = {
  /** dst = dst op operand. */
  binary: 0,
  /** dst = f(operand). */
  move: 1,
  /** dst = f(dst). */
  unary: 2,
  /** dst = 64-bit immediate; two slots. */
  imm64: 3,
  load: 4,
  store: 5,
  atomic: 6,
  /** No effect. */
  nop: 7,
  /** Ends of blocks from here on. */
  jump: 8,
  mayGoto: 9,
  always: 10,
  call: 11,
  /** One instruction that the host executes: helpers, kfuncs, callx, packets. */
  host: 12,
  exit: 13,
  /** The host takes over for good: faulty instructions, the end of the program. */
  stop: 14,
} as const;

const N: (name: MicroOp) => number = microOpNumber;

/** Numbers of the micro-ops that code here asks for by name. */
export const OP: Readonly<
  Record<
    | 'undecoded'
    | 'breakpoint'
    | 'rare'
    | 'exit'
    | 'callHelper'
    | 'mov64'
    | 'add64'
    | 'sub64'
    | 'lsh64'
    | 'rsh64'
    | 'arsh64',
    number
  >
> = /* @__PURE__ */ {
  undecoded: N('undecoded'),
  breakpoint: N('breakpoint'),
  rare: N('rare'),
  exit: N('exit'),
  callHelper: N('call_helper'),
  mov64: N('mov64'),
  add64: N('add64'),
  sub64: N('sub64'),
  lsh64: N('lsh64'),
  rsh64: N('rsh64'),
  arsh64: N('arsh64'),
};

function classOf(name: MicroOp): number {
  if (/^(add|sub|mul|or|and|xor|lsh|rsh|arsh|div|mod|sdiv|smod)(32|64)$/.test(name)) return CLASS.binary;
  if (/^(mov|movsx)/.test(name)) return CLASS.move;
  if (/^(neg|swap|truncate16|truncate32)/.test(name)) return CLASS.unary;
  if (/^load/.test(name)) return CLASS.load;
  if (/^store/.test(name)) return CLASS.store;
  if (/^j/.test(name) && name !== 'ja') return CLASS.jump;
  switch (name) {
    case 'truncate64':
      return CLASS.nop;
    case 'imm64':
      return CLASS.imm64;
    case 'atomic':
      return CLASS.atomic;
    case 'may_goto':
      return CLASS.mayGoto;
    case 'ja':
      return CLASS.always;
    case 'call_local':
      return CLASS.call;
    case 'call_helper':
    case 'rare':
      return CLASS.host;
    case 'exit':
      return CLASS.exit;
    default:
      return CLASS.stop;
  }
}

/** Class by micro-op. */
export const CLASSES: Uint8Array = /* @__PURE__ */ Uint8Array.from(MICRO_OPS, classOf);

/** Width in bytes of loads and stores by micro-op, else 0. */
export const WIDTHS: Uint8Array = /* @__PURE__ */ Uint8Array.from(MICRO_OPS, (name) => {
  const bits = /^(?:load|store|load_signed)(\d+)$/.exec(name)?.[1];
  return bits === undefined ? 0 : Number(bits) / 8;
});

/** 1 for micro-ops whose result has a zero upper half. */
export const ZERO_UPPER: Uint8Array = /* @__PURE__ */ Uint8Array.from(MICRO_OPS, (name) =>
  /^(add|sub|mul|or|and|xor|lsh|rsh|arsh|mov|neg|div|mod|sdiv|smod)32$|^movsx32|^truncate(16|32)|^swap(16|32)|^load(8|16|32)$/.test(name) ? 1 : 0); // prettier-ignore

/** Names of the micro-ops, by number. */
export const NAMES: readonly MicroOp[] = MICRO_OPS;

/** Rows behind the micro-op `rare`, and the micro-op that does the same without the rest of its meaning. */
export const RARE_KINDS: readonly string[] = INSN_TABLE.map(({ kind }) => kind);

/** Micro-op of a load or store of a width in bytes. */
export function accessOp(kind: 'load' | 'store', width: number): number {
  return N(`${kind}${width * 8}` as MicroOp);
}
