/** Which way a comparison goes, when what is known decides it (kernel: is_branch_taken, 6.18). */
import { isPacketOrEndType, PTR_MAYBE_NULL, PTR_TO_BTF_ID, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE, PTR_TO_MEM, PTR_TO_PACKET_END, PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_UNTRUSTED, SCALAR_VALUE, baseType } from './register-types.ts'; // prettier-ignore
import { isTrusted } from './trust.ts';
import {
  W_AUX,
  W_MASK,
  W_S32MAX,
  W_S32MIN,
  W_SMAX,
  W_SMIN,
  W_TYPE,
  W_U32MAX,
  W_U32MIN,
  W_UMAX,
  W_UMIN,
  W_VAR,
} from './register-record.ts';
import {
  OP_JEQ,
  OP_JGE,
  OP_JGT,
  OP_JLE,
  OP_JLT,
  OP_JNE,
  OP_JSET,
  OP_JSGE,
  OP_JSGT,
  OP_JSLE,
  OP_JSLT,
} from './successors.ts';
import { slt, ult } from './word64.ts';

/** The branch is taken, is not, or either. */
export const TAKEN = 1;
export const NOT_TAKEN = 0;
export const UNKNOWN = -1;

/** Ranges of a packet pointer that was found to lie at the end, or behind it. */
export const AT_PKT_END = -1;
export const BEYOND_PKT_END = -2;

/** The comparison with its sides swapped. */
export function flip(op: number): number {
  switch (op) {
    case OP_JGE:
      return OP_JLE;
    case OP_JGT:
      return OP_JLT;
    case OP_JLE:
      return OP_JGE;
    case OP_JLT:
      return OP_JGT;
    case OP_JSGE:
      return OP_JSLE;
    case OP_JSGT:
      return OP_JSLT;
    case OP_JSLE:
      return OP_JSGE;
    case OP_JSLT:
      return OP_JSGT;
    default:
      return op;
  }
}

/** Whether the register is a known scalar, in its low half or whole. */
export function isKnown(w: Int32Array, at: number, jmp32: boolean): boolean {
  return (
    w[at + W_TYPE] === SCALAR_VALUE && (jmp32 ? w[at + W_MASK] === 0 : (w[at + W_MASK]! | w[at + W_MASK + 1]!) === 0)
  );
}

/** `a op b` for two registers of any type. */
export function branchOutcome(a: Int32Array, i: number, b: Int32Array, k: number, op: number, jmp32: boolean): number {
  const aType = a[i + W_TYPE]!;
  const bType = b[k + W_TYPE]!;
  if (aType === SCALAR_VALUE && bType === SCALAR_VALUE) {
    return jmp32 ? outcome32(a, i, b, k, op) : outcome64(a, i, b, k, op);
  }
  if (isPacketOrEndType(aType) && isPacketOrEndType(bType) && !jmp32) return packetOutcome(a, i, b, k, op);
  let pointer = a;
  let p = i;
  let scalar = b;
  let s = k;
  if (!isKnown(b, k, jmp32)) {
    pointer = b;
    p = k;
    scalar = a;
    s = i;
  }
  if (!isKnown(scalar, s, jmp32) || !isNotNull(pointer, p)) return UNKNOWN;
  if (scalar[s + W_VAR] !== 0 || (!jmp32 && scalar[s + W_VAR + 1] !== 0)) return UNKNOWN;
  return op === OP_JEQ ? NOT_TAKEN : op === OP_JNE ? TAKEN : UNKNOWN;
}

/** Whether a register is a pointer that cannot be null (kernel: reg_not_null). */
export function isNotNull(w: Int32Array, at: number): boolean {
  const type = w[at + W_TYPE]!;
  if ((type & PTR_MAYBE_NULL) !== 0) return false;
  switch (baseType(type)) {
    case PTR_TO_SOCKET:
    case PTR_TO_TCP_SOCK:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MAP_KEY:
    case PTR_TO_SOCK_COMMON:
    case 3:
      return true;
    case PTR_TO_MEM:
      return (type & PTR_UNTRUSTED) === 0;
    case PTR_TO_BTF_ID:
      return isTrusted(w, at);
    default:
      return false;
  }
}

function packetOutcome(a: Int32Array, i: number, b: Int32Array, k: number, op: number): number {
  let range: number;
  let oriented = op;
  if (b[k + W_TYPE] === PTR_TO_PACKET_END) range = a[i + W_AUX]!;
  else if (a[i + W_TYPE] === PTR_TO_PACKET_END) {
    range = b[k + W_AUX]!;
    oriented = flip(op);
  } else return UNKNOWN;
  if (range >= 0) return UNKNOWN;
  switch (oriented) {
    case OP_JLE:
    case OP_JGT:
      if (range === BEYOND_PKT_END) return oriented === OP_JGT ? TAKEN : NOT_TAKEN;
      break;
    case OP_JLT:
    case OP_JGE:
      return oriented === OP_JGE ? TAKEN : NOT_TAKEN;
  }
  return UNKNOWN;
}

function decide(yes: boolean, no: boolean): number {
  return yes ? TAKEN : no ? NOT_TAKEN : UNKNOWN;
}

function outcome64(a: Int32Array, i: number, b: Int32Array, k: number, op: number): number {
  switch (op) {
    case OP_JEQ:
    case OP_JNE: {
      const equal = op === OP_JEQ ? TAKEN : NOT_TAKEN;
      const different = 1 - equal;
      if (isKnown(a, i, false) && isKnown(b, k, false)) {
        return a[i + W_VAR] === b[k + W_VAR] && a[i + W_VAR + 1] === b[k + W_VAR + 1] ? equal : different;
      }
      const apart =
        bitsDiffer(a, i, b, k, 0) ||
        bitsDiffer(a, i, b, k, 1) ||
        ultAt(b, k + W_UMAX, a, i + W_UMIN) ||
        ultAt(a, i + W_UMAX, b, k + W_UMIN) ||
        sltAt(b, k + W_SMAX, a, i + W_SMIN) ||
        sltAt(a, i + W_SMAX, b, k + W_SMIN) ||
        apart32(a, i, b, k);
      return apart ? different : UNKNOWN;
    }
    case OP_JSET: {
      if (isKnown(b, k, false)) return testBits(a, i, b[k + W_VAR]!, b[k + W_VAR + 1]!);
      if (isKnown(a, i, false)) return testBits(b, k, a[i + W_VAR]!, a[i + W_VAR + 1]!);
      return UNKNOWN;
    }
    case OP_JGT:
      return decide(ultAt(b, k + W_UMAX, a, i + W_UMIN), !ultAt(b, k + W_UMIN, a, i + W_UMAX));
    case OP_JSGT:
      return decide(sltAt(b, k + W_SMAX, a, i + W_SMIN), !sltAt(b, k + W_SMIN, a, i + W_SMAX));
    case OP_JLT:
      return decide(ultAt(a, i + W_UMAX, b, k + W_UMIN), !ultAt(a, i + W_UMIN, b, k + W_UMAX));
    case OP_JSLT:
      return decide(sltAt(a, i + W_SMAX, b, k + W_SMIN), !sltAt(a, i + W_SMIN, b, k + W_SMAX));
    case OP_JGE:
      return decide(!ultAt(a, i + W_UMIN, b, k + W_UMAX), ultAt(a, i + W_UMAX, b, k + W_UMIN));
    case OP_JSGE:
      return decide(!sltAt(a, i + W_SMIN, b, k + W_SMAX), sltAt(a, i + W_SMAX, b, k + W_SMIN));
    case OP_JLE:
      return decide(!ultAt(b, k + W_UMIN, a, i + W_UMAX), ultAt(b, k + W_UMAX, a, i + W_UMIN));
    case OP_JSLE:
      return decide(!sltAt(b, k + W_SMIN, a, i + W_SMAX), sltAt(b, k + W_SMAX, a, i + W_SMIN));
    default:
      return UNKNOWN;
  }
}

/** Whether a bit of one half is known in both, and different. */
function bitsDiffer(a: Int32Array, i: number, b: Int32Array, k: number, half: number): boolean {
  const known = ~(a[i + W_MASK + half]! | b[k + W_MASK + half]!);
  return ((a[i + W_VAR + half]! ^ b[k + W_VAR + half]!) & known) !== 0;
}

function ultAt(a: Int32Array, i: number, b: Int32Array, k: number): boolean {
  return ult(a[i + 1]!, a[i]!, b[k + 1]!, b[k]!);
}

function sltAt(a: Int32Array, i: number, b: Int32Array, k: number): boolean {
  return slt(a[i + 1]!, a[i]!, b[k + 1]!, b[k]!);
}

function apart32(a: Int32Array, i: number, b: Int32Array, k: number): boolean {
  return (
    a[i + W_U32MIN]! >>> 0 > b[k + W_U32MAX]! >>> 0 ||
    a[i + W_U32MAX]! >>> 0 < b[k + W_U32MIN]! >>> 0 ||
    a[i + W_S32MIN]! > b[k + W_S32MAX]! ||
    a[i + W_S32MAX]! < b[k + W_S32MIN]!
  );
}

function testBits(w: Int32Array, at: number, low: number, high: number): number {
  const vl = w[at + W_VAR]!;
  const vh = w[at + W_VAR + 1]!;
  const ml = w[at + W_MASK]!;
  const mh = w[at + W_MASK + 1]!;
  if ((~ml & vl & low) !== 0 || (~mh & vh & high) !== 0) return TAKEN;
  if (((ml | vl) & low) === 0 && ((mh | vh) & high) === 0) return NOT_TAKEN;
  return UNKNOWN;
}

function outcome32(a: Int32Array, i: number, b: Int32Array, k: number, op: number): number {
  const umin1 = a[i + W_U32MIN]! >>> 0;
  const umax1 = a[i + W_U32MAX]! >>> 0;
  const smin1 = a[i + W_S32MIN]!;
  const smax1 = a[i + W_S32MAX]!;
  const umin2 = b[k + W_U32MIN]! >>> 0;
  const umax2 = b[k + W_U32MAX]! >>> 0;
  const smin2 = b[k + W_S32MIN]!;
  const smax2 = b[k + W_S32MAX]!;
  switch (op) {
    case OP_JEQ:
    case OP_JNE: {
      const equal = op === OP_JEQ ? TAKEN : NOT_TAKEN;
      if (a[i + W_MASK] === 0 && b[k + W_MASK] === 0) return a[i + W_VAR] === b[k + W_VAR] ? equal : 1 - equal;
      return bitsDiffer(a, i, b, k, 0) || umin1 > umax2 || umax1 < umin2 || smin1 > smax2 || smax1 < smin2
        ? 1 - equal
        : UNKNOWN;
    }
    case OP_JSET:
      if (b[k + W_MASK] === 0) return testBits(a, i, b[k + W_VAR]!, 0);
      if (a[i + W_MASK] === 0) return testBits(b, k, a[i + W_VAR]!, 0);
      return UNKNOWN;
    case OP_JGT:
      return decide(umin1 > umax2, umax1 <= umin2);
    case OP_JSGT:
      return decide(smin1 > smax2, smax1 <= smin2);
    case OP_JLT:
      return decide(umax1 < umin2, umin1 >= umax2);
    case OP_JSLT:
      return decide(smax1 < smin2, smin1 >= smax2);
    case OP_JGE:
      return decide(umin1 >= umax2, umax1 < umin2);
    case OP_JSGE:
      return decide(smin1 >= smax2, smax1 < smin2);
    case OP_JLE:
      return decide(umax1 <= umin2, umin1 > umax2);
    case OP_JSLE:
      return decide(smax1 <= smin2, smin1 > smax2);
    default:
      return UNKNOWN;
  }
}
