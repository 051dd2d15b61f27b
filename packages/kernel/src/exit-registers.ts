/**
 * Which registers surely hold a value at every exit of a function. The verifier refuses to read one that does not, so
 * only these can be stored. It looks at paths that can be taken; this looks at all of them, so it never asks for more.
 */
import { type Insn, type InsnRow, jumpTarget, rowOf } from '@polybpf/isa';

const CALL_KINDS: ReadonlySet<string> = new Set(['call_helper', 'call_local', 'call_kfunc', 'callx', 'load_packet']);
/** r1-r5, which a call leaves undefined. */
const CLOBBERED = 0b111110;
const ALL = 0b1111111111;

/**
 * Registers 0-9 that are initialised at all `exits`, ascending. r0 always is: the kernel asks for it at an exit anyway.
 *
 * @param end - insn index behind the function, which starts at 0 and is well formed
 * @param start - registers that hold something at its start
 */
export function exitRegisters(
  insns: readonly Insn[],
  end: number,
  exits: readonly number[],
  start: readonly number[],
): number[] {
  const before = new Int32Array(end).fill(-1);
  before[0] = start.reduce((set, register) => set | (1 << register), 0);
  const pending = [0];
  const flow = (set: number, to: number): void => {
    if (to >= end) return;
    const joined = before[to]! < 0 ? set : before[to]! & set;
    if (joined === before[to]) return;
    before[to] = joined;
    pending.push(to);
  };
  while (pending.length > 0) {
    const i = pending.pop()!;
    const insn = insns[i]!;
    const row = rowOf(insn)!;
    const after = transfer(before[i]!, insn, row);
    if (row.kind === 'exit') continue;
    const target = row.immUse === 'subprogram' ? undefined : jumpTarget(row, insn, i);
    if (target !== undefined) flow(after, target);
    if (row.kind !== 'ja') flow(after, i + row.slots);
  }
  let set = ALL;
  for (const exit of exits) if (before[exit]! >= 0) set &= before[exit]!;
  return Array.from({ length: 10 }, (_, register) => register).filter((r) => r === 0 || (set & (1 << r)) !== 0);
}

function transfer(set: number, insn: Insn, row: InsnRow): number {
  if (CALL_KINDS.has(row.kind)) return (set & ~CLOBBERED) | 1;
  let after = set;
  if (row.dst === 'write' || row.dst === 'readwrite') after |= 1 << insn.dst_reg;
  if (row.src === 'write' || row.src === 'readwrite') after |= 1 << insn.src_reg;
  if (row.kind === 'atomic' && row.op === 'cmpxchg') after |= 1;
  return after & ALL;
}
