/** Accesses through pointers to kernel objects, kptrs in map values, and maps themselves. */
import { type Env, notModelled } from './env.ts';
import type { MapModel, SpecialField } from './map-model.ts';

/** (kernel: check_ptr_to_btf_access) */
export function checkBtfAccess(
  _env: Env,
  _regno: number,
  _off: number,
  _size: number,
  _kind: number,
  _value: number,
): void {
  // prettier-ignore
  notModelled('access through a pointer to a kernel object');
}

/** (kernel: check_ptr_to_map_access) */
export function checkMapPointerAccess(
  _env: Env,
  _regno: number,
  _off: number,
  _size: number,
  _kind: number,
  _value: number,
): void {
  // prettier-ignore
  notModelled('access to struct bpf_map');
}

/** (kernel: check_map_kptr_access) */
export function checkKptrAccess(_env: Env, _field: SpecialField, _map: MapModel, _value: number): void {
  notModelled('kptr in a map value');
}
