/** Maps that hold kernel objects by reference: other maps, programs, cgroups, sockets. What they share. */
import { ERRNO } from './errno.ts';
import type { MapObject, MapSpec, SpecialField } from './guest-map.ts';
import type { MapCore } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE } from './map-type.ts';

/** The objects of a map, beside what user space does by file descriptor. */
export interface ObjectSlots {
  /** The object at a key. */
  get(key: Uint8Array): MapObject | undefined;
  /** As an update with the object's file descriptor: 0, or a negative errno. */
  set(key: Uint8Array, object: MapObject, flags?: number): number;
  /** Every key that has an object, in order of iteration. */
  entries(): Iterable<readonly [key: Uint8Array, object: MapObject]>;
}

/** What must agree between the maps of a map of maps. */
export interface InnerShape {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly fields: readonly SpecialField[];
}

/** Types that cannot be in a map of maps (those without `map_meta_equal`). */
const NEVER_INNER: ReadonlySet<number> = /* @__PURE__ */ new Set([
  MAP_TYPE.PROG_ARRAY,
  MAP_TYPE.STRUCT_OPS,
  MAP_TYPE.CGROUP_STORAGE,
  MAP_TYPE.PERCPU_CGROUP_STORAGE,
]);
const OF_MAPS: ReadonlySet<number> = /* @__PURE__ */ new Set([MAP_TYPE.ARRAY_OF_MAPS, MAP_TYPE.HASH_OF_MAPS]);

/** The shape that a definition asks for. */
export function shapeOf(def: MapSpec): InnerShape {
  const { type, keySize, valueSize, maxEntries } = def;
  return { type, keySize, valueSize, maxEntries, flags: def.flags ?? 0, fields: [] };
}

/** 0, or why this can be no template of inner maps (kernel: `bpf_map_meta_alloc`). */
export function checkTemplate(inner: InnerShape | undefined): number {
  if (inner === undefined) return ERRNO.EBADF;
  if (OF_MAPS.has(inner.type)) return ERRNO.EINVAL;
  return NEVER_INNER.has(inner.type) ? ERRNO.ENOTSUPP : 0;
}

/** Whether a map may go where the template says (kernel: `bpf_map_meta_equal` and its kin). */
export function fitsTemplate(template: InnerShape, map: InnerShape): boolean {
  if (
    template.type !== map.type ||
    template.keySize !== map.keySize ||
    template.valueSize !== map.valueSize ||
    template.flags !== map.flags ||
    !sameFields(template.fields, map.fields)
  ) {
    return false;
  }
  const sized = template.type === MAP_TYPE.ARRAY || template.type === MAP_TYPE.XSKMAP;
  return !sized || (template.flags & MAP_FLAG.INNER_MAP) !== 0 || template.maxEntries === map.maxEntries;
}

/** What a file descriptor stands for, if a map of this kind of objects takes it; else the errno. */
export function resolveObject(core: MapCore, fd: number, kind: MapObject['kind']): MapObject | number {
  const object = core.environment.resolveFd?.(fd);
  if (object === undefined) return ERRNO.EBADF;
  return checkObject(core, object, kind) || object;
}

/** 0, or the errno with which the kernel refuses an object. */
export function checkObject(core: MapCore, object: MapObject, kind: MapObject['kind']): number {
  if (object.kind !== kind) return kind === 'cgroup' || kind === 'perf_event' ? ERRNO.EBADF : ERRNO.EINVAL;
  if (kind !== 'map') return 0;
  return fitsTemplate(core.inner!, object.object as InnerShape) ? 0 : ERRNO.EINVAL;
}

function sameFields(a: readonly SpecialField[], b: readonly SpecialField[]): boolean {
  return a.length === b.length && a.every((f, i) => f.kind === b[i]!.kind && f.offset === b[i]!.offset);
}
