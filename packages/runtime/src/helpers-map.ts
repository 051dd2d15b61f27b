/** Helpers of maps: `kernel/bpf/helpers.c`, `kernel/bpf/hashtab.c` (`bpf_for_each_map_elem`). */
import type { HelperContext } from '@polybpf/interpreter';
import type { GuestMap } from '@polybpf/maps';
import { EINVAL } from './errno.ts';
import { type HelperTable, mapArgument } from './world.ts';

function key(cx: HelperContext, map: GuestMap, n = 2): Uint8Array {
  return cx.memory.view(cx.arg(n), map.keySize);
}

export const MAP_HELPERS: HelperTable = {
  bpf_map_lookup_elem(cx, world) {
    const map = mapArgument(cx, world, 1);
    return map.program.lookup(key(cx, map));
  },
  bpf_map_update_elem(cx, world) {
    const map = mapArgument(cx, world, 1);
    return map.program.update(key(cx, map), cx.memory.view(cx.arg(3), map.valueSize), cx.arg(4));
  },
  bpf_map_delete_elem(cx, world) {
    const map = mapArgument(cx, world, 1);
    return map.program.delete(key(cx, map));
  },
  bpf_map_push_elem(cx, world) {
    const map = mapArgument(cx, world, 1);
    return map.program.push(cx.memory.view(cx.arg(2), map.valueSize), cx.arg(3));
  },
  bpf_map_pop_elem(cx, world) {
    const map = mapArgument(cx, world, 1);
    return map.program.pop(cx.memory.view(cx.arg(2), map.valueSize, 'helper_write'));
  },
  bpf_map_peek_elem(cx, world) {
    const map = mapArgument(cx, world, 1);
    return map.program.peek(cx.memory.view(cx.arg(2), map.valueSize, 'helper_write'));
  },
  bpf_map_lookup_percpu_elem(cx, world) {
    const map = mapArgument(cx, world, 1);
    const cpu = cx.arg32(3);
    return cpu >= world.cpus ? 0 : map.program.lookupPercpu(key(cx, map), cpu);
  },
  bpf_for_each_map_elem(cx, world) {
    const map = mapArgument(cx, world, 1);
    const [handle, callback, context, flags] = [cx.arg(1), cx.arg(2), cx.arg(3), cx.arg(4)];
    if (flags !== 0n) return -EINVAL;
    return map.program.forEach(
      ({ keyAddress, valueAddress }) => cx.call(callback, [handle, keyAddress, valueAddress, context, 0]),
      flags,
    );
  },
};
