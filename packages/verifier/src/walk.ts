/** The walk over all paths (kernel: do_check, do_check_insn). */
import { walkAlu } from './alu.ts';
import { walkLocalCall, walkReturn } from './calls.ts';
import { type Env, MAX_INSNS_PROCESSED, pushHistory, reject } from './env.ts';
import { walkHelperCall } from './helper-call.ts';
import { walkJump } from './jumps.ts';
import { walkKfuncCall } from './kfunc-call.ts';
import { walkAtomic, walkLoad, walkStore, walkStoreConstant } from './load-store.ts';
import { walkLd } from './loads-of-constants.ts';
import { popBranch } from './pending.ts';
import { checkLeaks } from './references.ts';
import { E2BIG, EACCES, EFAULT, EINVAL, EPERM, Reject } from './reject.ts';
import { checkReturn } from './returns.ts';
import {
  CLASS_ALU,
  CLASS_ALU64,
  CLASS_JMP,
  CLASS_JMP32,
  CLASS_LD,
  CLASS_LDX,
  CLASS_ST,
  CLASS_STX,
  jumpDistance,
  OP_CALL,
  OP_EXIT,
  OP_JA,
  PSEUDO_CALL,
  PSEUDO_KFUNC,
} from './successors.ts';
import { endPath, isVisited } from './visited.ts';

/** Walks all paths from the current state of the environment on. */
export function walkAll(env: Env): void {
  for (;;) {
    const pruned = walkPath(env);
    env.watcher?.end(env, pruned);
    env.log?.touchAll();
    endPath(env, env.state);
    env.liveness.update();
    if (!popBranch(env)) return;
  }
}

/** Walks until the path ends: at an exit of the outermost function, or in a state that is known; true for the latter. */
function walkPath(env: Env): boolean {
  const { log } = env;
  let arrived = env.previousInsn >= 0 && log !== undefined;
  for (;;) {
    env.historyEntry = -1;
    const { insn, state } = env;
    if (insn >= env.count) reject(EFAULT, `invalid insn idx ${insn} insn_cnt ${env.count}`);
    if (++env.processed > MAX_INSNS_PROCESSED) {
      reject(E2BIG, `BPF program is too large. Processed ${env.processed} insn`);
    }
    state.lastInsn = env.previousInsn;
    state.insn = insn;
    if (env.prunePoint[insn] !== 0 && isVisited(env, insn)) {
      log?.safe(env, arrived);
      return true;
    }
    if (env.jumpPoint[insn] !== 0) pushHistory(env, state, 0, 0, 0);
    if (log !== undefined) {
      log.insn(env, arrived);
      arrived = false;
    }
    if (!state.speculative) env.seen[insn] = 1;
    env.watcher?.step(env);
    env.previousInsn = insn;
    if (state.speculative && env.nospec[insn] !== 0) return false;
    if (state.speculative) {
      if (!walkSpeculative(env)) return false;
    } else if (walkInsn(env)) return false;
    if (log !== undefined && env.returned) {
      arrived = true;
      env.returned = false;
    }
    if (state.speculative && env.nospecResult[insn] !== 0) return false;
  }
}

/** On a mispredicted path what is wrong only ends the path, before the insn; false when it ends. */
function walkSpeculative(env: Env): boolean {
  const { insn } = env;
  try {
    return !walkInsn(env);
  } catch (reason) {
    if (!(reason instanceof Reject)) throw reason;
    const { errno } = reason;
    if (errno !== EPERM && errno !== EACCES && errno !== EINVAL) throw reason;
    env.note(reason.text);
    env.nospec[insn] = 1;
    env.aluState[insn] = 0;
    return false;
  }
}

/** Walks one insn and moves on; true when the path ends with it. */
function walkInsn(env: Env): boolean {
  const opcode = env.opcode[env.insn]!;
  switch (opcode & 7) {
    case CLASS_ALU:
    case CLASS_ALU64:
      walkAlu(env);
      env.insn++;
      return false;
    case CLASS_LDX:
      walkLoad(env, false, (opcode & 0xe0) === 0x80, true, 'ldx');
      env.insn++;
      return false;
    case CLASS_STX:
      env.liveness.beginWrites(env.insn);
      if ((opcode & 0xe0) === 0xc0) walkAtomic(env);
      else {
        if ((opcode & 0xe0) !== 0x60 || env.imm[env.insn] !== 0) reject(EINVAL, 'BPF_STX uses reserved fields');
        walkStore(env, false);
      }
      env.liveness.commitWrites();
      env.insn++;
      return false;
    case CLASS_ST:
      env.liveness.beginWrites(env.insn);
      walkStoreConstant(env);
      env.liveness.commitWrites();
      env.insn++;
      return false;
    case CLASS_JMP:
    case CLASS_JMP32:
      return walkControl(env, opcode);
    case CLASS_LD:
      walkLd(env);
      return false;
    default:
      return reject(EINVAL, `unknown insn class ${opcode & 7}`);
  }
}

function walkControl(env: Env, opcode: number): boolean {
  const { insn } = env;
  const jmp32 = (opcode & 7) === CLASS_JMP32;
  const register = (opcode & 8) !== 0;
  const dst = env.dst[insn]!;
  const src = env.src[insn]!;
  env.jumps++;
  switch (opcode & 0xf0) {
    case OP_CALL: {
      const known = src === 0 || src === PSEUDO_CALL || src === PSEUDO_KFUNC;
      if (register || (src !== PSEUDO_KFUNC && env.off[insn] !== 0) || !known || dst !== 0 || jmp32) {
        reject(EINVAL, 'BPF_CALL uses reserved fields');
      }
      if (env.state.activeLocks > 0) {
        const allowed = src === 0 ? env.imm[insn] === 94 : src === PSEUDO_KFUNC ? env.kfuncFlags?.(insn)?.underLock === true : true; // prettier-ignore
        if (!allowed) reject(EINVAL, 'function calls are not allowed while holding a lock');
      }
      env.liveness.beginWrites(insn);
      if (src === PSEUDO_CALL) walkLocalCall(env);
      else if (src === PSEUDO_KFUNC) {
        if (walkKfuncCall(env)) return true;
      } else walkHelperCall(env);
      env.liveness.commitWrites();
      return false;
    }
    case OP_JA: {
      const unused = jmp32 ? env.off[insn]! : env.imm[insn]!;
      if (register || src !== 0 || dst !== 0 || unused !== 0) reject(EINVAL, 'BPF_JA uses reserved fields');
      env.insn = insn + jumpDistance(env, insn) + 1;
      return false;
    }
    case OP_EXIT:
      if (register || env.imm[insn] !== 0 || src !== 0 || dst !== 0 || jmp32) {
        reject(EINVAL, 'BPF_EXIT uses reserved fields');
      }
      return walkExit(env);
    default:
      walkJump(env);
      return false;
  }
}

/** Leaves a function or, from the outermost one, ends the path. */
function walkExit(env: Env): boolean {
  const { state } = env;
  checkLeaks(env, false, state.curframe === 0, 'BPF_EXIT instruction in main prog');
  if (state.curframe > 0) {
    env.liveness.update();
    walkReturn(env);
    env.returned = true;
    return false;
  }
  checkReturn(env, 0, 'R0');
  return true;
}
