/**
 * Arguments of kernel functions that are not just memory or objects: maps, work queues and task work in map values, flags
 * of IRQ sections, resilient locks (kernel: check_kfunc_args).
 */
import type { BtfType } from '@polybpf/btf';
import { type Env, reject } from './env.ts';
import { NATIVE, OF_LOCK, processIrqFlag } from './irq-flags.ts';
import type { Kfunc } from './kfunc-prototype.ts';
import { processLock } from './locks.ts';
import { hasField, type MapModel } from './map-model.ts';
import { EINVAL } from './reject.ts';
import { W_AUX, W_AUX2, W_TYPE } from './register-record.ts';
import { MEM_ALLOC, PTR_TO_BTF_ID, PTR_TO_MAP_VALUE } from './register-types.ts';
import { checkMapField } from './special-fields.ts';
import { REF_RES_LOCK, REF_RES_LOCK_IRQ, regAt } from './state.ts';

/** What the arguments before have shown of maps. */
export interface PlaceMeta {
  map: MapModel | undefined;
  mapUid: number;
}

/** Arguments of this file, but for maps. */
export type Place = 'work queue' | 'task work' | 'irq flag' | 'lock';

const BY_STRUCT: Readonly<Record<string, Place>> = {
  bpf_wq: 'work queue',
  bpf_task_work: 'task work',
  bpf_res_spin_lock: 'lock',
};

/** Place that the argument is by its name and type; undefined for any other. */
export function placeOf(name: string, target: BtfType | undefined): Place | undefined {
  if (name.endsWith('__irq_flag')) return 'irq flag';
  return target?.kind === 'STRUCT' ? BY_STRUCT[target.name] : undefined;
}

/** The register holds a map, and the one that the work before is in. */
export function checkMapArgument(env: Env, regno: number, meta: PlaceMeta): void {
  const w = env.frame.w;
  const at = regAt(regno);
  if ((w[at + W_AUX]! | w[at + W_AUX2]!) === 0) reject(EINVAL, `pointer in R${regno} isn't map pointer`);
  const map = env.maps[w[at + W_AUX]! - 1];
  const uid = w[at + W_AUX2]!;
  // Linux looks for the kinds of fields without asking whether there are any; those maps are not the one of the work.
  const compares = map !== undefined && (map.fields.length === 0 || hasField(map, 'bpf_wq', 'bpf_task_work'));
  if (meta.map !== undefined && compares) {
    if (meta.map !== map || meta.mapUid !== uid) {
      const isTask = hasField(map, 'bpf_task_work');
      reject(
        EINVAL,
        isTask
          ? `bpf_task_work pointer in R2 map_uid=${meta.mapUid} doesn't match map pointer in R3 map_uid=${uid}`
          : `workqueue pointer in R1 map_uid=${meta.mapUid} doesn't match map pointer in R2 map_uid=${uid}`,
      );
    }
  }
  meta.map = map;
  meta.mapUid = uid;
}

/** Checks an argument that is no map. */
export function checkPlace(env: Env, kfunc: Kfunc, i: number, place: Place, meta: PlaceMeta): void {
  const regno = i + 1;
  const w = env.frame.w;
  const at = regAt(regno);
  const type = w[at + W_TYPE]!;
  const { name } = kfunc;
  switch (place) {
    case 'work queue':
    case 'task work':
      if (type !== PTR_TO_MAP_VALUE) reject(EINVAL, `arg#${i} doesn't point to a map value`);
      meta.map = checkMapField(env, regno, place === 'task work' ? 'bpf_task_work' : 'bpf_wq');
      meta.mapUid = w[at + W_AUX2]!;
      return;
    case 'irq flag':
      return processIrqFlag(env, regno, /_(save|irqsave)$/.test(name), name.startsWith('bpf_local') ? NATIVE : OF_LOCK);
    case 'lock': {
      if (type !== PTR_TO_MAP_VALUE && type !== (PTR_TO_BTF_ID | MEM_ALLOC)) {
        reject(EINVAL, `arg#${i} doesn't point to map value or allocated object`);
      }
      const kind = name.includes('irq') ? REF_RES_LOCK_IRQ : REF_RES_LOCK;
      return processLock(env, regno, !name.includes('unlock'), kind);
    }
  }
}
