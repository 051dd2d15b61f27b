/** Every kind of pointer with every operation: arithmetic, comparison, spill, load, store, atomics. */
import type { TextCase } from '../case-runner.ts';
import { MAPS } from './case-maps.ts';
import { collector, lookup } from './collector.ts';

/** Name, program type, instructions that set r3, maps. */
const POINTERS: readonly (readonly [string, string, string, Partial<TextCase>?])[] = [
  ['value', 'socket_filter', `${lookup()}if r0 == 0 goto end\nr3 = r0\n`, { maps: [MAPS.hash48] }],
  ['value or null', 'socket_filter', `${lookup()}r3 = r0\n`, { maps: [MAPS.hash48] }],
  ['frame', 'socket_filter', 'r3 = r10\n'],
  ['context', 'socket_filter', 'r3 = r1\n'],
  ['registers', 'kprobe', 'r3 = r1\n'],
  ['map', 'socket_filter', 'r3 = map_fd[0] ll\n', { maps: [MAPS.hash48] }],
  ['direct value', 'sched_cls', 'r3 = map_value[0][8] ll\n', { maps: [MAPS.array48] }],
  ['packet', 'xdp', 'r3 = *(u32 *)(r1 + 0)\nr4 = *(u32 *)(r1 + 4)\n'],
  ['packet end', 'xdp', 'r3 = *(u32 *)(r1 + 4)\n'],
  ['meta', 'xdp', 'r3 = *(u32 *)(r1 + 8)\n'],
  ['socket', 'sched_cls', 'r3 = *(u64 *)(r1 + 168)\nif r3 == 0 goto end\n'],
  ['socket or null', 'cgroup_skb', 'r3 = *(u64 *)(r1 + 168)\n'],
  ['flow keys', 'flow_dissector', 'r3 = *(u64 *)(r1 + 144)\n'],
  ['record', 'xdp', 'r1 = map_fd[0] ll\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto end\nr3 = r0\n', { maps: [MAPS.ring] }], // prettier-ignore
  ['xdp socket', 'xdp', `${lookup()}if r0 == 0 goto end\nr3 = r0\n`, { maps: [MAPS.xskmap] }],
];

const OPERATIONS: readonly string[] = [
  ...['+= 8', '-= 8', '*= 8', '/= 8', '|= 8', '&= -8', '<<= 1', '>>= 1', 's>>= 1', '%= 8', '^= 8', '+= r3', '-= r3', '+= r10', '+= 0x7fffffff', '+= 0x1fffffff', '+= 0x20000000', '= -r3', '= be64 r3', '= le32 r3', '= bswap32 r3', '= (s32)r3', '= (s8)r3'].map((op) => `r3 ${op}`), // prettier-ignore
  ...['+= 8', '= w3', '-= 8', '&= 4', '= (s8)w3'].map((op) => `w3 ${op}`),
  ...['> 5', '== 0', '!= 1', '> r10', '== r10', '== r3', 's> 0', '& 1'].map((test) => `if r3 ${test} goto +0`),
  ...['u64', 'u32', 'u8', 's32'].map((size) => `r5 = *(${size} *)(r3 + 0)`),
  ...['u64', 'u32', 'u8'].map((size) => `*(${size} *)(r10 - 16) = r3`),
  'r5 = 8\nr5 += r3',
  'r5 = 8\nr5 -= r3',
  'r5 = r3\nr5 -= r3',
  'r0 = r3\nexit',
  'r5 = *(u8 *)(r3 - 1)',
  'r5 = *(u64 *)(r3 + 48)',
  '*(u64 *)(r3 + 0) = 0',
  '*(u8 *)(r3 + 0) = 1',
  '*(u64 *)(r3 + 0) = r10',
  '*(u64 *)(r3 - 8) = r10',
  'r5 = 1\nlock *(u64 *)(r3 + 0) += r5',
  'r5 = 1\nr5 = atomic_fetch_add((u64 *)(r3 + 0), r5)',
  'r0 = 0\nr5 = 1\nr0 = cmpxchg_64(r3 + 0, r0, r5)',
  'r5 = load_acquire((u32 *)(r3 + 0))',
  'r5 = 0\nstore_release((u32 *)(r3 + 0), r5)',
  'r1 = r3\ncall bpf_get_prandom_u32\nr5 = r3',
  'r1 = r3\nr2 = 8\nr3 = 0\nr4 = 0\nr5 = 0\ncall bpf_csum_diff',
  'r1 = r10\nr1 += -8\nr2 = r3\ncall bpf_map_lookup_elem',
  'r1 = r3\nr2 = r10\ncall bpf_map_lookup_elem',
  'r5 = *(u8 *)(r10 - 1)\nr3 += r5\nr0 = *(u8 *)(r3 + 0)',
  '*(u64 *)(r10 - 8) = r3\nr5 = *(u64 *)(r10 - 8)\nr0 = *(u8 *)(r5 + 0)',
  '*(u64 *)(r10 - 8) = r3\n*(u8 *)(r10 - 7) = 0\nr5 = *(u64 *)(r10 - 8)\nr5 += 1',
  '*(u64 *)(r10 - 12) = r3',
  'call bpf_get_prandom_u32\nr3 += r0\nr5 = *(u8 *)(r3 + 0)',
  'r5 = *(u64 *)(r10 - 8)\nr3 += r5',
  'r5 = *(u16 *)(r10 - 8)\nr3 -= r5',
];

/** What comes between a look-up and an access: r1 and a bound for it. */
const OFFSETS: readonly string[] = [
  ...['4', '48', '-1', '47', '1000000', '0x7fffffff', '0x80000000 ll', '0x7fffffffffffffff ll', '*(s8 *)(r0 + 0)'],
  '*(u64 *)(r0 + 0)',
  ...['&= 15', '%= 40', '/= 40', '|= 7', 's>>= 62', '>>= 59'].map((op) => `*(u64 *)(r0 + 0)\nr1 ${op}`),
  ...['r1 >', 'r1 s>', 'w1 s>', 'w1 >'].map((test) => `*(u32 *)(r0 + 0)\nif ${test} 40 goto end`),
  ...['0', '-8'].map((low) => `*(u64 *)(r0 + 0)\nif r1 s> 40 goto end\nif r1 s< ${low} goto end`),
];

export function pointers(): TextCase[] {
  const { list, add, every } = collector();
  for (const [name, type, before, more] of POINTERS) {
    for (const operation of OPERATIONS) {
      const strict = every(7) ? { flags: 1 } : {};
      add(`${name}: ${operation}`, type, `*(u64 *)(r10 - 8) = 0\n${before}${operation}\nend: r0 = 0\nexit`, { ...more, ...strict }); // prettier-ignore
    }
  }
  for (const map of [MAPS.hash48, MAPS.array48, MAPS.percpuArray48, MAPS.readOnly, MAPS.writeOnly, MAPS.lru48]) {
    for (const offset of OFFSETS) {
      for (const sign of ['+', '-']) {
        for (const access of ['r2 = *(u64 *)(r0 + 0)', '*(u8 *)(r0 + 3) = 1']) {
          const text = `${lookup()}if r0 == 0 goto end\nr1 = ${offset}\nr0 ${sign}= r1\n${access}\nend: r0 = 0\nexit`;
          add(`map of type ${map.type}: ${offset} ${sign} ${access}`, 'socket_filter', text, { maps: [map] });
        }
      }
    }
  }
  return list;
}
