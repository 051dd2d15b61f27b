/** Whether code has loops, as check_cfg() of kernel/bpf/verifier.c sees them: a jump back to where the path came from. */
import { jumpTarget, type Program, rowOf } from '@polybpf/isa';

/** The first instruction that closes a loop, in the order in which paths are walked; undefined when there is none. */
export function firstLoop(program: Program): number | undefined {
  const OPEN = 1;
  const DONE = 2;
  const state = new Uint8Array(program.insns.length);
  for (const { start } of program.subprograms) {
    const path: { readonly insn: number; readonly next: number[] }[] = [];
    const enter = (insn: number): void => {
      state[insn] = OPEN;
      path.push({ insn, next: successors(program, insn) });
    };
    if (state[start] === 0) enter(start);
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const target = top.next.pop();
      if (target === undefined) {
        state[top.insn] = DONE;
        path.pop();
      } else if (state[target] === OPEN) return top.insn;
      else if (state[target] === 0) enter(target);
    }
  }
  return undefined;
}

/** Where an instruction leads inside its function. A may_goto is no loop: the kernel bounds it. */
function successors(program: Program, insn: number): number[] {
  const row = rowOf(program.insns[insn]!);
  if (row === undefined || row.kind === 'exit') return [];
  const next = insn + row.slots;
  const jumps = row.offsetUse === 'jump' || row.immUse === 'jump';
  const target = jumps && row.kind !== 'may_goto' ? jumpTarget(row, program.insns[insn]!, insn) : undefined;
  const list = row.kind === 'ja' ? [] : [next];
  if (target !== undefined) list.push(target);
  return list.filter((to) => to >= 0 && to < program.insns.length);
}
