/** BPF_MAP_TYPE_QUEUE and STACK (kernel/bpf/queue_stack_maps.c): values without keys. */
import { ERRNO } from './errno.ts';
import { accessFlagsOk, allocate, type MapCore, type MapOps } from './map-core.ts';
import { MAP_FLAG, MAP_TYPE, UPDATE_FLAG } from './map-type.ts';
import { fromHex, toHex } from './snapshot.ts';

const CREATE_FLAGS =
  MAP_FLAG.NUMA_NODE | MAP_FLAG.RDONLY | MAP_FLAG.WRONLY | MAP_FLAG.RDONLY_PROG | MAP_FLAG.WRONLY_PROG;
/** KMALLOC_MAX_SIZE on x86_64. */
const VALUE_LIMIT = 4 << 20;

/** A queue or stack; a negative errno when the definition is refused. */
export function makeQueueStack(core: MapCore): MapOps | number {
  const { flags, valueSize, maxEntries } = core;
  if (
    maxEntries === 0 ||
    core.keySize !== 0 ||
    valueSize === 0 ||
    (flags & ~CREATE_FLAGS) !== 0 ||
    !accessFlagsOk(flags)
  ) {
    return ERRNO.EINVAL;
  }
  if (valueSize > VALUE_LIMIT) return ERRNO.E2BIG;
  const values = allocate(core, '', valueSize * (maxEntries + 1));
  if (values === undefined) return ERRNO.ENOMEM;
  const ring = makeRing(core, values.bytes);
  const { push, take } = ring;
  const user = (remove: boolean) => (): Uint8Array | number => {
    const value = new Uint8Array(valueSize);
    const errno = take(value, remove);
    return errno === 0 ? value : errno;
  };
  return {
    push,
    pop: (into) => take(into, true),
    peek: (into) => take(into, false),
    lookup: () => 0n,
    update: () => ERRNO.EINVAL,
    delete: () => ERRNO.EINVAL,
    nextKey: () => ERRNO.EINVAL,
    userLookup: user(false),
    userUpdate: (_key, value, bits) => push(value, bits),
    lookupAndDelete: user(true),
    size: ring.size,
    dump: () => ({ entries: ring.oldestFirst().map((value) => ({ key: '', value: toHex(value) })) }),
    load: ({ entries }) => {
      ring.clear();
      for (const { value } of entries) push(fromHex(value, valueSize), UPDATE_FLAG.ANY);
    },
  };
}

/** A ring with one place more than it holds values: `tail` is the oldest, `head` the first free one. */
function makeRing(core: MapCore, bytes: Uint8Array) {
  const { valueSize } = core;
  const places = core.maxEntries + 1;
  const isQueue = core.type === MAP_TYPE.QUEUE;
  let head = 0;
  let tail = 0;
  const next = (place: number): number => (place + 1 === places ? 0 : place + 1);
  const size = (): number => (head >= tail ? head - tail : head + places - tail);
  const at = (place: number): Uint8Array => bytes.subarray(place * valueSize, (place + 1) * valueSize);
  return {
    size,
    clear(): void {
      head = tail = 0;
    },
    push(value: Uint8Array, flags: number): number {
      if ((flags & UPDATE_FLAG.NOEXIST) !== 0 || flags > UPDATE_FLAG.EXIST) return ERRNO.EINVAL;
      if (next(head) === tail) {
        if ((flags & UPDATE_FLAG.EXIST) === 0) return ERRNO.E2BIG;
        tail = next(tail);
      }
      at(head).set(value);
      head = next(head);
      return 0;
    },
    take(into: Uint8Array, remove: boolean): number {
      if (head === tail) {
        into.fill(0);
        return ERRNO.ENOENT;
      }
      const last = head === 0 ? places - 1 : head - 1;
      into.set(at(isQueue ? tail : last));
      if (remove && isQueue) tail = next(tail);
      else if (remove) head = last;
      return 0;
    },
    oldestFirst(): Uint8Array[] {
      return Array.from({ length: size() }, (_, i) => at((tail + i) % places));
    },
  };
}
