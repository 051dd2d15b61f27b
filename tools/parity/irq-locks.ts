/** IRQ sections, resilient locks, work queues and task work, through the live kernel and our verifier. `irq-locks.ts COUNT SEED` */
import { run } from './kernel-calls.ts';
import { IRQ_LOCKS, irqLockProgram } from './irq-lock-programs.ts';

run(IRQ_LOCKS, irqLockProgram);
