/** Small programs with sections, locks, iterators, work and arenas. Maps: one with a lock, one with a work queue, an arena. */
import { type Insn, makeInsn } from '@polybpf/isa';

/** A program that is verified as `syscall`, which may sleep. */
export interface Trial {
  readonly name: string;
  readonly insns: readonly Insn[];
}

const at = (reg: number, off: number): Insn[] => [makeInsn(0xbf, reg, 10, 0, 0), makeInsn(0x07, reg, 0, 0, off)];
const set = (reg: number, value: number): Insn => makeInsn(0xb7, reg, 0, 0, value);
const value = (reg: number, map: number, off: number): Insn[] => [makeInsn(0x18, reg, 6, 0, map), makeInsn(0, 0, 0, 0, off)]; // prettier-ignore
const map = (reg: number, index: number): Insn[] => [makeInsn(0x18, reg, 5, 0, index), makeInsn(0, 0, 0, 0, 0)];
const EXIT = [set(0, 0), makeInsn(0x95, 0, 0, 0, 0)];
const castToArena = (reg: number): Insn => makeInsn(0xbf, reg, reg, 1, 1);

/** All of them; `call` makes the call of a kernel function. */
export function TRIALS(call: (name: string) => Insn): readonly Trial[] {
  const save = (off: number): Insn[] => [...at(1, off), call('bpf_local_irq_save')];
  const restore = (off: number): Insn[] => [...at(1, off), call('bpf_local_irq_restore')];
  const lock = [...value(1, 0, 8), call('bpf_res_spin_lock')];
  const unlock = [...value(1, 0, 8), call('bpf_res_spin_unlock')];
  const lockIrq = [...value(1, 0, 8), ...at(2, -8), call('bpf_res_spin_lock_irqsave')];
  const failed = makeInsn(0x55, 0, 0, 3, 0);
  const tasks = (rcu: boolean): Insn[] => [
    ...(rcu ? [call('bpf_rcu_read_lock')] : []),
    ...at(1, -24),
    set(2, 0),
    set(3, 0),
    call('bpf_iter_task_new'),
  ];
  const next = [...at(1, -24), call('bpf_iter_task_next')];
  const destroy = [...at(1, -24), call('bpf_iter_task_destroy')];
  const loop = [...next, makeInsn(0x15, 0, 0, 2, 0), makeInsn(0x61, 1, 0, 0, 0), makeInsn(0x05, 0, 0, -6, 0)];
  const trial = (name: string, ...insns: readonly Insn[]): Trial => ({ name, insns });
  return [
    trial('irq', ...save(-8), ...restore(-8), ...EXIT),
    trial('irq, not left', ...save(-8), ...EXIT),
    trial('irq, nested', ...save(-8), ...save(-16), ...restore(-16), ...restore(-8), ...EXIT),
    trial('irq, out of order', ...save(-8), ...save(-16), ...restore(-8), ...restore(-16), ...EXIT),
    trial('irq, flags twice', ...save(-8), ...save(-8), ...EXIT),
    trial('irq, overwritten flags', ...save(-8), makeInsn(0x7a, 10, 0, -8, 0), ...restore(-8), ...EXIT),
    trial('irq, never entered', ...restore(-8), ...EXIT),
    trial('irq, flags elsewhere', ...value(1, 0, 0), call('bpf_local_irq_save'), ...EXIT),
    trial('irq, misaligned flags', ...save(-12), ...EXIT),
    trial('irq, sleeps', ...save(-8), ...at(1, -16), set(2, 8), set(3, 0), makeInsn(0x85, 0, 0, 0, 148), ...restore(-8), ...EXIT), // prettier-ignore
    trial('lock', ...lock, failed, ...unlock, ...EXIT),
    trial('lock, untested', ...lock, ...unlock, ...EXIT),
    trial('lock, not released', ...lock, ...EXIT),
    trial('lock twice', ...lock, makeInsn(0x55, 0, 0, 9, 0), ...lock, makeInsn(0x55, 0, 0, 3, 0), ...unlock, ...unlock, ...EXIT), // prettier-ignore
    trial('lock at the wrong place', ...value(1, 0, 0), call('bpf_res_spin_lock'), ...EXIT),
    trial('lock in a map without', ...value(1, 1, 8), call('bpf_res_spin_lock'), ...EXIT),
    trial('lock on the stack', ...at(1, -8), call('bpf_res_spin_lock'), ...EXIT),
    trial('unlock without a lock', ...unlock, ...EXIT),
    trial('lock with irq, left by native', ...lockIrq, makeInsn(0x55, 0, 0, 3, 0), ...restore(-8), ...EXIT),
    trial('iterator', ...tasks(true), ...loop, ...destroy, call('bpf_rcu_read_unlock'), ...EXIT),
    trial('iterator, no section', ...tasks(false), ...loop, ...destroy, ...EXIT),
    trial('iterator, section left', ...tasks(true), call('bpf_rcu_read_unlock'), ...next, ...destroy, ...EXIT),
    trial('iterator, not destroyed', ...tasks(true), call('bpf_rcu_read_unlock'), ...EXIT),
    trial('iterator, element after the section', ...tasks(true), ...next, makeInsn(0x15, 0, 0, 2, 0), call('bpf_rcu_read_unlock'), makeInsn(0x61, 1, 0, 0, 0), ...EXIT), // prettier-ignore
    trial('iterator of another kind', ...tasks(true), ...at(1, -24), call('bpf_iter_num_next'), ...EXIT),
    trial('work', ...value(1, 1, 8), ...map(2, 1), set(3, 0), call('bpf_wq_init'), ...value(1, 1, 8), set(2, 0), call('bpf_wq_start'), ...EXIT), // prettier-ignore
    trial('work at the wrong place', ...value(1, 1, 0), set(2, 0), call('bpf_wq_start'), ...EXIT),
    trial('work on the stack', ...at(1, -16), set(2, 0), call('bpf_wq_start'), ...EXIT),
    trial('work without a map', ...value(1, 1, 8), set(2, 0), set(3, 0), call('bpf_wq_init'), ...EXIT),
    trial('arena', ...map(1, 2), set(6, 0), castToArena(6), makeInsn(0x7a, 6, 0, 8, 1), ...EXIT),
    trial('arena, no cast', ...map(1, 2), set(6, 0), makeInsn(0x7a, 6, 0, 8, 1), ...EXIT),
    trial('arena, cast without one', set(6, 0), castToArena(6), ...EXIT),
    trial(
      'arena, fetched or',
      ...map(1, 2),
      set(6, 0),
      castToArena(6),
      set(7, 1),
      makeInsn(0xdb, 6, 7, 0, 0x41),
      ...EXIT,
    ),
    trial('arena, end', ...value(6, 2, 4096), ...EXIT),
    trial('arena, beyond the end', ...value(6, 2, 4097), ...EXIT),
    trial('arena, scalar and pointer', ...map(1, 2), set(6, 0), set(7, 8), castToArena(6), makeInsn(0x0f, 7, 6, 0, 0), makeInsn(0x79, 0, 7, 0, 0), ...EXIT), // prettier-ignore
  ];
}
