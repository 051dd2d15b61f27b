/** Conditional jumps: both sides are walked, each with what it teaches (kernel: check_cond_jmp_op). */
import { markKnown, syncBounds } from './bounds.ts';
import { branchOutcome, NOT_TAKEN, TAKEN } from './branch-outcome.ts';
import { refine, reverse } from './branch-refine.ts';
import { type Env, FAKE, HISTORY_DST_STACK, HISTORY_SRC_STACK, pushHistory, reject } from './env.ts';
import { checkInvariants } from './invariants.ts';
import { beginLinks, collectLinks, linksCollected, packedHigh, packedLow, syncLinks } from './linked.ts';
import { isPointer } from './memory-access.ts';
import { markNullness, markPointerNotNull } from './nullness.ts';
import { matchPacketPointers } from './packet-range.ts';
import { pushBranch } from './pending.ts';
import { markPrecise } from './precision.ts';
import { checkReadable } from './registers.ts';
import { EACCES, EINVAL, ENOMEM } from './reject.ts';
import { copyRegister, REG_WORDS, W_ID, W_TYPE } from './register-record.ts';
import {
  baseType,
  isPacketOrEndType,
  PTR_MAYBE_NULL,
  PTR_TO_BTF_ID,
  PTR_TO_STACK,
  SCALAR_VALUE,
} from './register-types.ts';
import { speculateBranch } from './sanitize.ts';
import { regAt, type State } from './state.ts';
import { CLASS_JMP32, OP_JA, OP_JCOND, OP_JEQ, OP_JNE } from './successors.ts';
import { findPreviousEntry } from './visited.ts';
import { widenImprecise } from './widen.ts';

/** Record in FAKE of the constant for the side that is not taken. */
const FAKE_FALSE = REG_WORDS;

/** Walks a conditional jump; the next insn is set. */
export function walkJump(env: Env): void {
  const insn = env.insn;
  const opcode = env.opcode[insn]!;
  const op = opcode & 0xf0;
  if (op === OP_JA || op > OP_JCOND) reject(EINVAL, `invalid BPF_JMP/JMP32 opcode ${op.toString(16)}`);
  if (op === OP_JCOND) return walkMayGoto(env);
  const dst = env.dst[insn]!;
  const src = env.src[insn]!;
  const register = (opcode & 8) !== 0;
  const jmp32 = (opcode & 7) === CLASS_JMP32;
  const state = env.state;
  const w = env.frame.w;
  checkReadable(env, dst);
  const d = regAt(dst);
  let s = FAKE;
  let k = 0;
  let flags = 0;
  const dstType = w[d + W_TYPE]!;
  if (register) {
    if (env.imm[insn] !== 0) reject(EINVAL, 'BPF_JMP/JMP32 uses reserved fields');
    checkReadable(env, src);
    s = w;
    k = regAt(src);
    const srcType = w[k + W_TYPE]!;
    if (!(isPacketOrEndType(dstType) && isPacketOrEndType(srcType)) && isPointer(env, src)) {
      reject(EACCES, `R${src} pointer comparison prohibited`);
    }
    if (srcType === PTR_TO_STACK) flags |= HISTORY_SRC_STACK;
  } else {
    if (src !== 0) reject(EINVAL, 'BPF_JMP/JMP32 uses reserved fields');
    FAKE.fill(0, 0, REG_WORDS);
    FAKE[W_TYPE] = SCALAR_VALUE;
    const imm = env.imm[insn]!;
    markKnown(FAKE, 0, imm, imm >> 31);
  }
  if (dstType === PTR_TO_STACK) flags |= HISTORY_DST_STACK;
  if (flags !== 0) pushHistory(env, state, flags, 0, 0);
  const outcome = branchOutcome(w, d, s, k, op, jmp32);
  const target = insn + env.off[insn]! + 1;
  if (outcome === TAKEN || outcome === NOT_TAKEN) {
    if (dstType === SCALAR_VALUE) markPrecise(env, dst);
    if (register && s[k + W_TYPE] === SCALAR_VALUE) markPrecise(env, src);
    speculateBranch(env, outcome === TAKEN ? insn + 1 : target);
    env.log?.state(env);
    env.insn = outcome === TAKEN ? target : insn + 1;
    return;
  }
  beginLinks();
  if (register && s[k + W_TYPE] === SCALAR_VALUE && s[k + W_ID] !== 0) collectLinks(env, state, s[k + W_ID]!);
  if (dstType === SCALAR_VALUE && w[d + W_ID] !== 0) collectLinks(env, state, w[d + W_ID]!);
  if (linksCollected() > 1) pushHistory(env, state, 0, packedLow(), packedHigh());
  const other = pushBranch(env, target, insn, false);
  const ow = other.frame.w;
  refineBoth(env, w, d, s, k, ow, register, op, jmp32);
  if (register && s[k + W_TYPE] === SCALAR_VALUE && s[k + W_ID] !== 0) {
    syncLinks(state, w, k);
    syncLinks(other, ow, k);
  }
  if (w[d + W_TYPE] === SCALAR_VALUE && w[d + W_ID] !== 0) {
    syncLinks(state, w, d);
    syncLinks(other, ow, d);
  }
  if (!jmp32) learnNullness(env, other, register, op, d, k);
  const isNullTest =
    !jmp32 &&
    !register &&
    env.imm[insn] === 0 &&
    (op === OP_JEQ || op === OP_JNE) &&
    (w[d + W_TYPE]! & PTR_MAYBE_NULL) !== 0;
  if (isNullTest) {
    markNullness(env, state, dst, op === OP_JNE);
    markNullness(env, other, dst, op === OP_JEQ);
  } else if (!matchPacketPointers(env, op, register && !jmp32, dst, src, state, other) && isPointer(env, dst)) {
    reject(EACCES, `R${dst} pointer comparison prohibited`);
  }
  env.log?.state(env);
  env.insn = insn + 1;
}

/** Refines both sides (kernel: reg_set_min_max). */
function refineBoth(
  env: Env,
  w: Int32Array,
  d: number,
  s: Int32Array,
  k: number,
  ow: Int32Array,
  register: boolean,
  op: number,
  jmp32: boolean,
): void {
  if (w[d + W_TYPE] !== SCALAR_VALUE || s[k + W_TYPE] !== SCALAR_VALUE) return;
  if (!register) copyRegister(FAKE, FAKE_FALSE, FAKE, 0);
  const fs = register ? s : FAKE;
  const fk = register ? k : FAKE_FALSE;
  const ts = register ? ow : FAKE;
  const tk = register ? k : 0;
  refine(w, d, fs, fk, reverse(op), jmp32);
  syncBounds(w, d);
  syncBounds(fs, fk);
  refine(ow, d, ts, tk, op, jmp32);
  syncBounds(ow, d);
  syncBounds(ts, tk);
  checkInvariants(env, ow, d, 'true_reg1');
  checkInvariants(env, ts, tk, 'true_reg2');
  checkInvariants(env, w, d, 'false_reg1');
  checkInvariants(env, fs, fk, 'false_reg2');
}

/** Of two equal pointers both are not null when one is not. */
function learnNullness(env: Env, other: State, register: boolean, op: number, d: number, k: number): void {
  if (!register) return;
  const w = env.frame.w;
  const a = w[d + W_TYPE]!;
  const b = w[k + W_TYPE]!;
  if (a === SCALAR_VALUE || b === SCALAR_VALUE) return;
  if ((a & PTR_MAYBE_NULL) === (b & PTR_MAYBE_NULL)) return;
  if (baseType(a) === PTR_TO_BTF_ID || baseType(b) === PTR_TO_BTF_ID) return;
  const equal = op === OP_JEQ ? other.frame.w : op === OP_JNE ? w : undefined;
  if (equal === undefined) return;
  markPointerNotNull(env, equal, (b & PTR_MAYBE_NULL) !== 0 ? k : d);
}

function walkMayGoto(env: Env): void {
  const insn = env.insn;
  if (env.opcode[insn] !== 0xe5 || env.src[insn] !== 0 || env.dst[insn] !== 0 || env.imm[insn] !== 0) {
    reject(EINVAL, `invalid may_goto imm ${env.imm[insn]!}`);
  }
  const parent = env.state.parent;
  const previous = parent === undefined ? undefined : findPreviousEntry(env, parent, insn);
  const queued = pushBranch(env, insn + 1, insn, false, ENOMEM);
  queued.mayGotoDepth++;
  if (previous !== undefined) widenImprecise(env, previous, queued);
  env.insn = insn + env.off[insn]! + 1;
}
