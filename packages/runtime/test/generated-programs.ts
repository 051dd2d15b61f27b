/** Random network programs that the verifier takes: bounds are checked again whenever packet pointers become stale. */
import { assemble } from '@polybpf/asm';
import type { LoadedObject } from '@polybpf/loader';
import type { PacketSource } from './packets.ts';

/** Bytes of the packet that a generated program may touch. */
const REACH = 48;

/** An object around one random program of type `xdp` or `sched_cls`. */
export function generateProgram(source: PacketSource, type: 'xdp' | 'sched_cls'): LoadedObject {
  const lines = [
    '.map slots type=array key=4 value=8 entries=8',
    '.map table type=hash key=8 value=8 entries=64',
    'r6 = r1',
    ...pointers(type),
    'r9 = 0',
  ];
  const steps = 8 + source.number(24);
  for (let k = 0; k < steps; k++) lines.push(...step(source, type, k));
  lines.push('r0 = r9', 'r0 &= 3', 'exit', 'out:', 'r0 = 1', 'exit');
  const program = { ...assemble(lines.join('\n')), name: 'generated', type };
  return {
    endian: 'little',
    programs: [program],
    details: [],
    maps: program.maps,
    kconfig: [],
    variables: [],
    unresolved: [],
    warnings: [],
  };
}

/** r7 = start of the packet, with {@link REACH} bytes behind it. */
function pointers(type: 'xdp' | 'sched_cls'): string[] {
  const [data, end] = type === 'xdp' ? [0, 4] : [76, 80];
  return [
    `r7 = *(u32 *)(r6 + ${data})`,
    `r8 = *(u32 *)(r6 + ${end})`,
    'r1 = r7',
    `r1 += ${REACH}`,
    'if r1 > r8 goto out',
  ];
}

function step(source: PacketSource, type: 'xdp' | 'sched_cls', k: number): string[] {
  const { number } = source;
  const size = [1, 2, 4, 8][number(4)]!;
  const offset = number(REACH - 8);
  const field = `*(u${size * 8} *)(r7 + ${offset})`;
  const immediate = number(2 ** 31) - 2 ** 30;
  switch (number(type === 'xdp' ? 12 : 14)) {
    case 0:
    case 1:
      return [`r1 = ${field}`, `r9 ${['+=', '^=', '*=', '|=', '-='][number(5)]!} r1`];
    case 2:
      return [`${field} = r9`];
    case 3:
      return [`${field} = ${size === 8 ? immediate : number(2 ** Math.min(31, size * 8))}`];
    case 4:
      return [`r9 = ${['be16', 'be32', 'be64', 'le32', 'bswap64'][number(5)]!} r9`];
    case 5:
      return [`r9 ${['+=', '^=', '*=', '/=', '%=', '<<=', '>>=', 's>>='][number(8)]!} ${1 + number(60)}`];
    case 6:
      return [`w9 ${['+=', '^=', '*=', '-='][number(4)]!} ${immediate}`];
    case 7:
      return [`r1 = ${field}`, `if r1 ${['==', '>', 's<', '&', '!='][number(5)]!} ${number(256)} goto skip${k}`, `r9 += ${number(1000)}`, `skip${k}:`]; // prettier-ignore
    case 8:
      return ['r1 = r9', 'r1 &= 7', '*(u32 *)(r10 - 4) = r1', 'r1 = map slots ll', 'r2 = r10', 'r2 += -4', 'call 1', `if r0 == 0 goto none${k}`, `${number(2) === 0 ? 'lock *(u64 *)(r0 + 0) += r9' : '*(u64 *)(r0 + 0) = r9'}`, 'r1 = *(u64 *)(r0 + 0)', 'r9 ^= r1', `none${k}:`]; // prettier-ignore
    case 9:
      return ['r1 = r9', 'r1 &= 127', '*(u64 *)(r10 - 16) = r1', '*(u64 *)(r10 - 24) = r9', 'r1 = map table ll', 'r2 = r10', 'r2 += -16', 'r3 = r10', 'r3 += -24', `r4 = ${number(3)}`, 'call 2', 'r9 += r0']; // prettier-ignore
    case 10:
      return ['*(u64 *)(r10 - 24) = r9', `r1 = ${field}`, '*(u64 *)(r10 - 16) = r1', 'r1 = r10', 'r1 += -24', 'r2 = 8', 'r3 = r10', 'r3 += -16', `r4 = ${4 * number(3)}`, `r5 = ${number(65536)}`, 'call 28', 'r9 += r0']; // prettier-ignore
    case 11:
      return type === 'xdp'
        ? ['r1 = r6', `r2 = ${number(64) - 32}`, `call ${number(2) === 0 ? 44 : 65}`, 'r9 += r0', ...pointers(type)]
        : ['r1 = r6', `r2 = ${60 + number(200)}`, 'r3 = 0', 'call 38', 'r9 += r0', ...pointers(type)];
    case 12:
      return ['*(u64 *)(r10 - 16) = r9', 'r1 = r6', `r2 = ${number(80)}`, 'r3 = r10', 'r3 += -16', `r4 = ${1 + number(8)}`, `r5 = ${number(4)}`, 'call 9', 'r9 += r0', ...pointers(type)]; // prettier-ignore
    default:
      return ['*(u64 *)(r10 - 16) = 0', 'r1 = r6', `r2 = ${number(100)}`, 'r3 = r10', 'r3 += -16', `r4 = ${1 + number(8)}`, 'call 26', 'r9 += r0', 'r1 = *(u64 *)(r10 - 16)', 'r9 ^= r1']; // prettier-ignore
  }
}
