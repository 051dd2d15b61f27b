import { assemble } from '@polybpf/asm';
import type { Program } from '@polybpf/isa';
import type { Target } from '@polybpf/jit';
import { ALL_TARGETS } from '@polybpf/targets';
import { afterAll, beforeAll, describe } from 'vitest';
import { type Machine, openMachine } from '../src/machine.ts';
import { probeMachine } from '../src/probe.ts';
import { RUNNER_NAMES } from '../src/runners/runner-cpus.ts';

/** What a test body gets for one CPU. */
export interface MachineFixture {
  readonly target: Target;
  /** One machine for the whole block. */
  readonly machine: Machine;
  /** Assembles kernel syntax in the target's byte order. */
  readonly program: (text: string, name?: string) => Program;
}

/** Targets that have a runner. */
export const RUNNABLE: readonly Target[] = ALL_TARGETS.filter((target) => RUNNER_NAMES.includes(target.name));

/** Assembles kernel syntax for a target. */
export function programFor(target: Target, text: string, name = 'main'): Program {
  return assemble(text, { endian: target.endian, name });
}

/** A block of tests for each CPU; one that cannot run here is a skip that says why, and a failure in CI. */
export function describeEachMachine(title: string, body: (fixture: MachineFixture) => void): void {
  for (const target of RUNNABLE) {
    const probe = probeMachine(target);
    if (!probe.available) {
      if (process.env['CI']) throw probe.error;
      describe.skip(`${title} on ${target.name} (${probe.error.message})`, () => undefined);
      continue;
    }
    describe(`${title} on ${target.name}`, () => {
      let machine: Machine | undefined;
      beforeAll(() => {
        machine = openMachine(target);
      });
      afterAll(() => machine?.close());
      body({
        target,
        get machine() {
          return machine!;
        },
        program: (text, name) => programFor(target, text, name),
      });
    });
  }
}
