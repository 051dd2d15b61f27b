import { existsSync } from 'node:fs';
import { probeLiveKernel } from '@polybpf/kernel';
import { describe, expect, it } from 'vitest';

const available = probeLiveKernel().available && existsSync('/sys/kernel/btf/vmlinux');

describe.runIf(available)(
  'programs around kernel functions get the verdict, message, errno and effort of the live kernel',
  () => {
    it('with iterators of all kinds', async () => {
      const { compareAll } = await import('../../../tools/parity/kernel-calls.ts');
      const { iteratorProgram, ITERATORS } = await import('../../../tools/parity/iterator-programs.ts');
      const { tally, accepted } = compareAll(ITERATORS, iteratorProgram, 300, 1);
      expect(accepted).toBeGreaterThan(20);
      expect([...tally.causes]).toStrictEqual([]);
    }, 60_000);

    it('with IRQ sections, resilient locks and work for later', async () => {
      const { compareAll } = await import('../../../tools/parity/kernel-calls.ts');
      const { irqLockProgram, IRQ_LOCKS } = await import('../../../tools/parity/irq-lock-programs.ts');
      const { tally, accepted } = compareAll(IRQ_LOCKS, irqLockProgram, 300, 1);
      expect(accepted).toBeGreaterThan(20);
      expect([...tally.causes]).toStrictEqual([]);
    }, 60_000);

    it('with arenas', async () => {
      const { compareAll } = await import('../../../tools/parity/kernel-calls.ts');
      const { arenaProgram, ARENAS } = await import('../../../tools/parity/arena-programs.ts');
      const { tally, accepted } = compareAll(ARENAS, arenaProgram, 300, 1);
      expect(accepted).toBeGreaterThan(20);
      expect([...tally.causes]).toStrictEqual([]);
    }, 60_000);

    it('of members of structs of functions', async () => {
      const { compareAll } = await import('../../../tools/parity/kernel-calls.ts');
      const { memberProgram, MEMBERS } = await import('../../../tools/parity/member-programs.ts');
      const { tally, accepted } = compareAll(MEMBERS, memberProgram, 300, 1);
      expect(accepted).toBeGreaterThan(20);
      expect([...tally.causes]).toStrictEqual([]);
    }, 60_000);

    it('whose functions take arguments with tags', async () => {
      const { compareAll } = await import('../../../tools/parity/kernel-calls.ts');
      const { taggedProgram, TAGGED } = await import('../../../tools/parity/tagged-programs.ts');
      const { tally, accepted } = compareAll(TAGGED, taggedProgram, 300, 1);
      expect(accepted).toBeGreaterThan(20);
      expect([...tally.causes]).toStrictEqual([]);
    }, 60_000);
  },
);
