/** ld_imm64 and the legacy loads from packets (kernel: check_ld_imm, check_ld_abs). */
import { markKnown, markUnknown } from './bounds.ts';
import { functionAt } from './check-program.ts';
import { checkUnmodified } from './context-access.ts';
import { type Env, reject } from './env.ts';
import { loadSymbol } from './kernel-symbols.ts';
import { MAP_ARENA } from './map-model.ts';
import { checkLeaks } from './references.ts';
import { checkDestination, checkReadable, clearCallerSaved } from './registers.ts';
import { EINVAL } from './reject.ts';
import { W_AUX, W_OFF, W_PRECISE, W_TYPE } from './register-record.ts';
import { CONST_PTR_TO_MAP, PTR_TO_CTX, PTR_TO_FUNC, PTR_TO_MAP_VALUE } from './register-types.ts';
import { regAt } from './state.ts';
import { LD_IMM64, PSEUDO_BTF_ID, PSEUDO_FUNC, PSEUDO_MAP_IDX_VALUE, PSEUDO_MAP_VALUE } from './successors.ts';

/** Walks an instruction of class LD. */
export function walkLd(env: Env): void {
  const opcode = env.opcode[env.insn]!;
  const mode = opcode & 0xe0;
  if (mode === 0x20 || mode === 0x40) {
    walkPacketLoad(env, opcode, mode === 0x40);
    env.insn++;
  } else if (mode === 0) {
    walkImmediate(env, opcode);
    env.insn += 2;
  } else reject(EINVAL, 'invalid BPF_LD mode');
}

function walkImmediate(env: Env, opcode: number): void {
  const insn = env.insn;
  if (opcode !== LD_IMM64) reject(EINVAL, 'invalid BPF_LD_IMM insn');
  if (env.off[insn] !== 0) reject(EINVAL, 'BPF_LD_IMM64 uses reserved fields');
  const dst = env.dst[insn]!;
  checkDestination(env, dst);
  const w = env.frame.w;
  const at = regAt(dst);
  const src = env.src[insn]!;
  markUnknown(w, at, env.defaultPrecise);
  if (src === 0) {
    markKnown(w, at, env.imm[insn]!, env.imm[insn + 1]!);
    return;
  }
  markKnown(w, at, 0, 0);
  w[at + W_PRECISE] = 0;
  if (src === PSEUDO_BTF_ID) {
    loadSymbol(env, insn, w, at);
    return;
  }
  if (src === PSEUDO_FUNC) {
    const subprog = functionAt(env, insn + env.imm[insn]! + 1);
    if (!env.types.hasFunctionInfo) reject(EINVAL, 'missing btf func_info');
    if (!env.types.isStatic(subprog)) reject(EINVAL, 'callback function not static');
    w[at + W_TYPE] = PTR_TO_FUNC;
    w[at + W_AUX] = subprog;
    return;
  }
  const map = env.maps[env.insnMap[insn]!]!;
  if (src === PSEUDO_MAP_VALUE || src === PSEUDO_MAP_IDX_VALUE) {
    if (map.type === MAP_ARENA) {
      markUnknown(w, at, env.defaultPrecise);
      return;
    }
    w[at + W_TYPE] = PTR_TO_MAP_VALUE;
    w[at + W_OFF] = env.imm[insn + 1]!;
  } else w[at + W_TYPE] = CONST_PTR_TO_MAP;
  w[at + W_AUX] = map.index + 1;
}

const SKB_TYPES: ReadonlySet<string> = new Set(['SOCKET_FILTER', 'SCHED_CLS', 'SCHED_ACT']);

function walkPacketLoad(env: Env, opcode: number, indirect: boolean): void {
  const insn = env.insn;
  if (!SKB_TYPES.has(env.variant.type)) {
    reject(EINVAL, 'BPF_LD_[ABS|IND] instructions not allowed for this program type');
  }
  if (env.dst[insn] !== 0 || env.off[insn] !== 0 || (opcode & 0x18) === 0x18 || (!indirect && env.src[insn] !== 0)) {
    reject(EINVAL, 'BPF_LD_[ABS|IND] uses reserved fields');
  }
  checkReadable(env, 6);
  checkLeaks(env, false, true, 'BPF_LD_[ABS|IND]');
  const w = env.frame.w;
  const context = regAt(6);
  if (w[context + W_TYPE] !== PTR_TO_CTX) reject(EINVAL, 'at the time of BPF_LD_ABS|IND R6 != pointer to skb');
  if (indirect) checkReadable(env, env.src[insn]!);
  checkUnmodified(env, w, context, 6, false);
  clearCallerSaved(env, w);
  markUnknown(w, regAt(0), env.defaultPrecise);
}
