/** Helpers that return kernel objects. */
import type { ResultKind } from '@polybpf/helpers';
import { markKnown, markNotInit } from './bounds.ts';
import { requireKernel } from './btf-access.ts';
import { type Env, notModelled } from './env.ts';
import type { CallMeta } from './helper-args.ts';
import { setExchanged } from './kptrs.ts';
import { W_AUX, W_AUX2, W_PRECISE, W_TYPE } from './register-record.ts';
import { MEM_ALLOC, MEM_RCU, PTR_TO_BTF_ID, PTR_TRUSTED } from './register-types.ts';
import { setVariableOfCpu } from './kernel-symbols.ts';
import { type Frame, moveRegister, regAt } from './state.ts';

/** r0 is a pointer to a kernel object. */
export function returnBtf(env: Env, result: ResultKind, flags: number, meta: CallMeta): void {
  if (meta.kptr !== undefined) return setExchanged(env, meta.kptr, flags);
  const id = result.btf === undefined ? undefined : requireKernel(env).find('STRUCT', result.btf)?.id;
  if (id === undefined) {
    return notModelled(`pointer to struct ${result.btf ?? '?'} from a helper`);
  }
  const w = env.frame.w;
  const r0 = regAt(0);
  markKnown(w, r0, 0, 0);
  w[r0 + W_PRECISE] = 0;
  w[r0 + W_TYPE] = PTR_TO_BTF_ID | flags | (result.base === 'PTR_TO_BTF_ID_TRUSTED' ? PTR_TRUSTED : 0);
  w[r0 + W_AUX] = id;
  w[r0 + W_AUX2] = 0;
}

/** r0 is per-CPU memory or a kernel object. */
export function returnMemoryOrBtf(env: Env, flags: number, meta: CallMeta): void {
  const { w } = env.frame;
  const r0 = regAt(0);
  markKnown(w, r0, 0, 0);
  w[r0 + W_PRECISE] = 0;
  if (!meta.perCpuObject) return setVariableOfCpu(env, w, r0, meta.retBtfId, flags);
  w[r0 + W_TYPE] = PTR_TO_BTF_ID | MEM_ALLOC | MEM_RCU;
  w[r0 + W_AUX] = meta.retBtfId;
  w[r0 + W_AUX2] = meta.retBtf;
}

/** bpf_find_vma: callback(task, vma, ctx) (kernel: set_find_vma_callback_state). */
export function setupFindVma(env: Env, caller: Frame, callee: Frame): void {
  const vma = requireKernel(env).find('STRUCT', 'vm_area_struct') ?? notModelled('struct vm_area_struct');
  const r2 = regAt(2);
  moveRegister(callee, regAt(1), caller, regAt(1));
  markKnown(callee.w, r2, 0, 0);
  callee.w[r2 + W_TYPE] = PTR_TO_BTF_ID;
  callee.w[r2 + W_AUX] = vma.id;
  moveRegister(callee, regAt(3), caller, regAt(4));
  for (let reg = 4; reg <= 5; reg++) markNotInit(callee.w, regAt(reg), env.defaultPrecise);
  callee.inCallback = true;
  callee.retMin = 0;
  callee.retMax = 1;
}
