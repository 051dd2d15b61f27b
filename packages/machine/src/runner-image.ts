/** Executable files for a target, assembled by the target itself. */
import { executableHeaderSize, PF, writeElfExecutable } from '@polybpf/elf';
import { assembleNodes, type MachineNode, type Target } from '@polybpf/jit';
import { RUNNER_BASE, type SharedLayout } from './layout.ts';
import { runnerProgram, type RunnerCpu } from './runner-program.ts';

/** A static executable and where its labels ended up. */
export interface RunnerImage {
  readonly elf: Uint8Array;
  /** Addresses of helper stubs by slot. */
  readonly stubs: readonly number[];
  /** Address of the signal handler. */
  readonly signalHandler: number;
}

const EI_OSABI_NONE = 0;

/** An executable that starts at the first node. */
export function executableOf(
  target: Target,
  nodes: readonly MachineNode[],
): { readonly elf: Uint8Array; readonly address: (label: number) => number } {
  const { wordBits = 64 } = target;
  const { code, labelOffsets } = assembleNodes(target, nodes);
  const entry = RUNNER_BASE + executableHeaderSize(wordBits, 1);
  const elf = writeElfExecutable({
    class: wordBits,
    endian: target.endian,
    osabi: EI_OSABI_NONE,
    machine: target.elf.machine,
    flags: target.elf.executableFlags ?? target.elf.flags,
    entry,
    segments: [{ vaddr: entry, flags: PF.PF_R | PF.PF_X, data: code }],
  });
  return { elf, address: (label) => entry + labelOffsets[label]! };
}

/** The runner for a memory layout. */
export function buildRunner(target: Target, cpu: RunnerCpu, layout: SharedLayout): RunnerImage {
  const { nodes, stubs, signalHandler } = runnerProgram(cpu, layout);
  const { elf, address } = executableOf(target, nodes);
  return { elf, stubs: stubs.map(address), signalHandler: address(signalHandler) };
}
