/**
 * Workloads on the live kernel: loaded and test-run, never attached. Its verifier cannot bound such loops, so the memory is
 * an arena, a `may_goto` stands before every jump back, and counters start from a zero that the verifier does not know
 * (the `v3k` bytecode of the workloads). The guards are part of the time.
 */
import { type CodeLine, insnsOf, type Line, linesOf, makeLabel } from '@polybpf/fuzz';
import { type Insn, makeInsn, type Program } from '@polybpf/isa';
import { type KernelMap, type LiveKernel, MAP_FLAGS, type MappedMemory } from '@polybpf/kernel';
import type { Workload } from './workload.ts';

/** A workload that the kernel has accepted. */
export interface KernelWorkload {
  /** One call on a fresh copy of `mem`. */
  once(mem: Uint8Array): { readonly r0: bigint; readonly mem: Uint8Array };
  /** Nanoseconds of one of `repeat` calls, by the kernel's clock; memory is not reset between. */
  time(mem: Uint8Array, repeat: number): number;
}

const PAGE = 4096;
/** The frame's last slot, which no workload uses, keeps the address of the memory. */
const SAVED = -512;
const EXIT = 0x95;
const PACKET: Uint8Array = new Uint8Array(64);

/**
 * Loads a workload.
 *
 * @returns the workload, or why the kernel does not take it
 */
export function loadKernelWorkload(kernel: LiveKernel, workload: Workload): KernelWorkload | string {
  if (workload.forKernel === undefined) return 'there is no bytecode for the verifier';
  const length = Math.max(workload.quick.mem.length, workload.full.mem.length);
  // r0 goes behind the memory: what the program returns is 32 bits.
  const resultAt = (length + 7) & ~7;
  const pages = Math.ceil((resultAt + 8) / PAGE);
  const arena = kernel.createMap({ type: 'arena', keySize: 0, valueSize: 0, maxEntries: pages, flags: MAP_FLAGS.BPF_F_MMAPABLE }); // prettier-ignore
  const memory = kernel.mapMemory(arena.fd, pages * PAGE);
  const insns = guardedProgram(workload.forKernel, arena, memory, length, resultAt);
  if (insns === undefined) return 'jumps that cannot be moved';
  let outcome = kernel.load(insns, { type: 'sched_cls' });
  // The log, which says why, costs more than the load.
  if (!outcome.accepted) outcome = kernel.load(insns, { type: 'sched_cls', logLevel: 1 });
  if (!outcome.accepted) return outcome.message;
  const { fd } = outcome;
  const view = new DataView(memory.bytes.buffer, memory.bytes.byteOffset);
  const run = (mem: Uint8Array, repeat: number): number => {
    memory.bytes.set(mem);
    return kernel.testRun(fd, { data: PACKET, repeat, output: false }).durationNs;
  };
  return {
    once(mem) {
      run(mem, 1);
      return { r0: view.getBigUint64(resultAt, true), mem: memory.bytes.slice(0, mem.length) };
    },
    time: run,
  };
}

function guardedProgram(
  program: Program,
  arena: KernelMap,
  memory: MappedMemory,
  length: number,
  resultAt: number,
): Insn[] | undefined {
  const lines: Line[] = [...prologue(arena, memory, length)];
  const epilogue = makeLabel();
  const body = linesOf(program.insns);
  if (body === undefined) return undefined;
  const starts = new Set(program.subprograms.slice(1).map(({ start }) => program.insns[start]!));
  let stub = makeLabel();
  let isMain = true;
  let isGuarded = false;
  const seen = new Set<Line>();
  const endFunction = (): void => {
    if (!isGuarded) return;
    isGuarded = false;
    // Where a loop goes whose guard has run out, which no workload's does.
    lines.push(stub, line(makeInsn(0xb7, 0, 0, 0, 0)), line(makeInsn(EXIT, 0, 0, 0, 0)));
    stub = makeLabel();
  };
  let pendingLabels: Line[] = [];
  for (const item of body) {
    if (item.kind === 'label') {
      pendingLabels.push(item);
      seen.add(item);
      continue;
    }
    if (starts.has(item.insn)) {
      if (isMain) lines.push(...mainEnd(epilogue, resultAt));
      endFunction();
      isMain = false;
    }
    lines.push(...pendingLabels);
    pendingLabels = [];
    const { insn, target } = item;
    if (insn.opcode === EXIT && isMain) {
      lines.push(line(makeInsn(0x05, 0, 0, 0, 0), epilogue));
      continue;
    }
    const isJump = (insn.opcode & 7) === 5 || (insn.opcode & 7) === 6;
    if (isJump && target !== undefined && seen.has(target) && insn.opcode !== 0x85) {
      lines.push(line(makeInsn(0xe5, 0, 0, 0, 0), stub)); // may_goto
      isGuarded = true;
    }
    lines.push(item);
  }
  if (isMain) lines.push(...mainEnd(epilogue, resultAt));
  endFunction();
  return insnsOf(lines);
}

function line(insn: Insn, target?: ReturnType<typeof makeLabel>, nextImm?: number): CodeLine {
  return { kind: 'insn', insn, nextImm, target };
}

/** r1 = the arena's memory, as the kernel addresses it; r2 = its length. */
function prologue(arena: KernelMap, { address }: MappedMemory, length: number): CodeLine[] {
  const [low, high] = [Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n))];
  return [
    line(makeInsn(0x18, 1, 1, 0, arena.fd), undefined, 0), // a program uses an arena by naming it
    line(makeInsn(0x18, 1, 0, 0, low), undefined, high),
    line(makeInsn(0xbf, 1, 1, 1, 1)), // addr_space_cast(r1, 0, 1)
    line(makeInsn(0x7b, 10, 1, SAVED, 0)),
    line(makeInsn(0xb7, 2, 0, 0, length)),
  ];
}

function mainEnd(epilogue: ReturnType<typeof makeLabel>, resultAt: number): Line[] {
  return [
    epilogue,
    line(makeInsn(0x79, 1, 10, SAVED, 0)),
    line(makeInsn(0xb7, 2, 0, 0, resultAt)),
    line(makeInsn(0x0f, 1, 2, 0, 0)),
    line(makeInsn(0x7b, 1, 0, 0, 0)),
    line(makeInsn(0xb7, 0, 0, 0, 0)),
    line(makeInsn(EXIT, 0, 0, 0, 0)),
  ];
}
