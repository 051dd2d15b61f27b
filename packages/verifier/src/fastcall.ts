/** Spills and fills around calls that keep r1 to r5 (kernel: mark_fastcall_patterns). */
import type { Env } from './env.ts';
import { helperById } from './helper-table.ts';
import { CALL, isHelperCall, isKfuncCall } from './successors.ts';

const STORE_DW = 0x7b;
const LOAD_DW = 0x79;

/** Marks the pairs, and where their slots begin. */
export function markFastcallPatterns(env: Env): void {
  for (let s = 0; s < env.subprograms.length; s++) {
    const info = env.subprograms[s]!;
    const end = env.subprograms[s + 1]?.start ?? env.count;
    let lowest = 0;
    for (let i = info.start; i < end; i++) {
      if (env.opcode[i] === STORE_DW && env.dst[i] === 10) lowest = Math.min(lowest, env.off[i]!);
    }
    for (let i = info.start; i < end; i++) if (env.opcode[i] === CALL) markCall(env, s, i, lowest);
  }
}

function markCall(env: Env, subprog: number, insn: number, lowest: number): void {
  let parameters: number;
  let isVoid = false;
  let fastcall = false;
  if (isHelperCall(env, insn)) {
    const helper = helperById(env, env.imm[insn]!);
    if (helper === undefined || !helper.allowed) return;
    parameters = helper.proto.args.length;
    isVoid = helper.proto.result.base === 'VOID';
    fastcall = helper.proto.fastcall && helper.info.name === 'bpf_get_smp_processor_id';
  } else if (isKfuncCall(env, insn)) {
    const summary = env.kfuncFlags?.(insn);
    if (summary === undefined) return;
    parameters = summary.parameters;
    isVoid = summary.isVoid;
    fastcall = summary.fastcall;
  } else return;
  const clobbered = ((1 << (parameters + 1)) - 1) & (isVoid ? ~1 : ~0);
  let expected = ~clobbered & 0x3f;
  let off = lowest;
  let i = 1;
  for (; i <= 6; i++, off += 8) {
    const store = insn - i;
    const load = insn + i;
    if (store < 0 || load >= env.count) break;
    if (env.opcode[store] !== STORE_DW || env.opcode[load] !== LOAD_DW) break;
    if (env.dst[store] !== 10 || env.src[load] !== 10 || env.src[store] !== env.dst[load]) break;
    const bit = 1 << env.src[store]!;
    if ((expected & bit) === 0 || env.off[store] !== off || env.off[load] !== off) break;
    expected &= ~bit;
    env.fastcallPattern[store] = 1;
    env.fastcallPattern[load] = 1;
  }
  if (i === 1) return;
  const info = env.subprograms[subprog]!;
  if (fastcall) env.fastcallSpills.set(insn, i - 1);
  else info.keepFastcallStack = true;
  info.fastcallStackOff = Math.min(info.fastcallStackOff, off);
}

/**
 * When all patterns of a function can be rewritten, their slots are not counted in its stack (kernel:
 * remove_fastcall_spills_fills).
 */
export function removeFastcallSpills(env: Env): void {
  for (let s = 0; s < env.subprograms.length; s++) {
    const info = env.subprograms[s]!;
    const end = env.subprograms[s + 1]?.start ?? env.count;
    let modified = false;
    for (let i = info.start; i < end; i++) {
      if ((env.fastcallSpills.get(i) ?? 0) > 0 && env.fastcallPattern[i - 1] !== 0) modified = true;
    }
    if (modified && !info.keepFastcallStack) info.stackDepth = -info.fastcallStackOff;
  }
}
