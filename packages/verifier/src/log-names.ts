/** Names for what a state only has numbers of. */
import { typeById } from '@polybpf/btf';
import { KERNEL_OBJECT } from './btf-objects.ts';
import { dynptrKindName } from './dynptr-slots.ts';
import type { Env } from './env.ts';
import type { StateNames } from './format-state.ts';
import type { InsnNames } from './insn-text.ts';
import { MAP_ARENA } from './map-model.ts';
import { PSEUDO_MAP_IDX_VALUE, PSEUDO_MAP_VALUE } from './successors.ts';
import { W_AUX, W_AUX2, W_ID, W_OFF, W_REF } from './register-record.ts';
import { slotAt } from './state.ts';

/** Names as the environment knows them. */
export function namesOf(env: Env): StateNames & InsnNames {
  return {
    maps: env.maps,
    helper: (id) => env.registry.helper(id)?.name,
    kfunc: (insn) => env.kfuncName?.(insn),
    arenaAddress: (insn) => {
      const map = env.maps[env.insnMap[insn]!];
      const isDirect = env.src[insn] === PSEUDO_MAP_VALUE || env.src[insn] === PSEUDO_MAP_IDX_VALUE;
      if (map?.type !== MAP_ARENA || !isDirect) return undefined;
      return (map.source.mapExtra ?? 0n) + BigInt(env.imm[insn + 1]! >>> 0);
    },
    btfTypeName: (id, object) => typeById(env.objects.btf(object), id).name,
    dynptrName: (w, at) => dynptrKindName(w[at + W_AUX]!),
    dynptrText: (frame, slot) => {
      const at = slotAt(slot);
      const parts: string[] = [];
      if (frame.w[at + W_ID] !== 0) parts.push(`id=${frame.w[at + W_ID]!}`);
      if (frame.w[at + W_REF] !== 0) parts.push(`ref_id=${frame.w[at + W_REF]!}`);
      // The kernel's dynptr_id lies where it keeps whether this is the first slot.
      if (frame.w[at + W_AUX2] !== 0) parts.push(`dynptr_id=${frame.w[at + W_AUX2]!}`);
      return `${dynptrKindName(frame.w[at + W_AUX]!)}(${parts.join(',')})`;
    },
    iteratorText: (frame, slot) => {
      const at = slotAt(slot);
      const state = ['inv', 'active', 'drained'][frame.w[at + W_OFF]!] ?? 'inv';
      const kind = typeById(env.objects.btf(KERNEL_OBJECT), frame.w[at + W_AUX]!).name.replace('bpf_iter_', '');
      return `${kind}(ref_id=${frame.w[at + W_REF]!},state=${state},depth=${frame.w[at + W_AUX2]! >>> 0})`;
    },
  };
}
