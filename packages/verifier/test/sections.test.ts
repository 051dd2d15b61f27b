import { describe, expect, it } from 'vitest';
import { verify, type VerifyMap } from '../src/index.ts';
import { callKernel, KERNEL, KEY, WITH_LOCK, WITH_WORK } from './kernel-types.ts';
import { TRIALS } from './section-programs.ts';

const valued = (btfValueTypeId: number, valueSize: number): VerifyMap => ({
  type: 2,
  keySize: 4,
  valueSize,
  maxEntries: 1,
  btf: KERNEL,
  btfKeyTypeId: KEY,
  btfValueTypeId,
});
const MAPS: readonly VerifyMap[] = [
  valued(WITH_LOCK, 16),
  valued(WITH_WORK, 24),
  { type: 33, keySize: 0, valueSize: 0, maxEntries: 1, flags: 0x400, mapExtra: 1n << 44n },
];

/** What Linux 6.18 says: errno, message, insns that it walked. */
const TOLD: readonly (readonly [name: string, errno: number, message: string, processed: number])[] = [
  ['irq', 0, '', 8],
  ['irq, not left', 22, 'BPF_EXIT instruction in main prog cannot be used inside bpf_local_irq_save-ed region', 5],
  ['irq, nested', 0, '', 14],
  ['irq, out of order', 13, 'cannot restore irq state out of order, expected id=2 acquired at insn_idx=5', 9],
  ['irq, flags twice', 22, 'expected uninitialized irq flag as arg#0', 6],
  ['irq, overwritten flags', 22, 'expected an initialized irq flag as arg#0', 7],
  ['irq, never entered', 22, 'expected an initialized irq flag as arg#0', 3],
  ['irq, flags elsewhere', 22, "arg#0 doesn't point to an irq flag on stack", 2],
  ['irq, misaligned flags', 22, 'expected uninitialized irq flag as arg#0', 3],
  ['irq, sleeps', 22, 'sleepable helper bpf_copy_from_user#148 in IRQ-disabled region', 8],
  ['lock', 0, '', 10],
  ['lock, untested', 22, 'bpf_res_spin_unlock without taking a lock', 8],
  ['lock, not released', 22, 'BPF_EXIT instruction in main prog cannot be used inside bpf_spin_lock-ed region', 4],
  ['lock twice', 22, 'Acquiring the same lock again, AA deadlock detected', 5],
  ['lock at the wrong place', 22, "off 0 doesn't point to 'struct bpf_res_spin_lock' that is at 8", 2],
  ['lock in a map without', 22, "map '' has no valid bpf_res_spin_lock", 2],
  ['lock on the stack', 22, "arg#0 doesn't point to map value or allocated object", 3],
  ['unlock without a lock', 22, 'bpf_res_spin_unlock without taking a lock', 2],
  ['lock with irq, left by native', 22, 'function calls are not allowed while holding a lock', 8],
  ['iterator', 0, '', 28],
  ['iterator, no section', 13, 'kernel func bpf_iter_task_new requires RCU critical section protection', 5],
  ['iterator, section left', 71, 'expected an RCU CS when using bpf_iter_task_next', 10],
  ['iterator, not destroyed', 22, 'BPF_EXIT instruction in main prog would lead to reference leak', 9],
  ['iterator, element after the section', 22, 'BPF_EXIT instruction in main prog would lead to reference leak', 12],
  ['iterator of another kind', 22, 'expected an initialized iter_num as arg #0', 9],
  ['work', 0, '', 9],
  ['work at the wrong place', 22, "off 0 doesn't point to 'struct bpf_wq' that is at 8", 3],
  ['work on the stack', 22, "arg#0 doesn't point to a map value", 4],
  ['work without a map', 22, "pointer in R2 isn't map pointer", 4],
  ['arena', 0, '', 6],
  ['arena, no cast', 13, "R6 invalid mem access 'scalar'", 3],
  ['arena, cast without one', 22, 'addr_space_cast insn can only be used in a program that has an associated arena', 2],
  ['arena, fetched or', 13, 'BPF_ATOMIC stores into R6 arena is not allowed', 5],
  ['arena, end', 0, '', 3],
  ['arena, beyond the end', 34, 'invalid access to map value pointer, value_size=0 off=4097', 0],
  ['arena, scalar and pointer', 0, '', 8],
];

describe('programs get the verdict of Linux 6.18', () => {
  const programs = TRIALS(callKernel);

  it('all of them', () => {
    expect(TOLD.map(([name]) => name)).toStrictEqual(programs.map(({ name }) => name));
  });

  it.each(TOLD)('%s', (name, errno, message, processed) => {
    const { insns } = programs.find((one) => one.name === name)!;
    const report = verify({ insns, type: 'syscall', flags: 16, maps: MAPS }, { kernelBtf: KERNEL });
    expect([report.errno, report.message, report.processed]).toStrictEqual([errno, message, processed]);
    expect(report.verdict).toBe(errno === 0 ? 'accept' : 'reject');
  });
});
