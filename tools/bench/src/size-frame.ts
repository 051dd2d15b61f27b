/**
 * Programs that hold copies of a class in such a way that each copy must be there. All registers come from memory and
 * all are read at the end. A copy stands between a jump around it and a store that the jump skips too:
 *
 * ```text
 *     if r9 == k goto L_k
 *     <class>
 *     *(u64 *)(r6 + 8 * k) = r9
 *   L_k:
 * ```
 *
 * So what the copy before left is still read, nothing is known at the start of a copy that the copy before made known,
 * and no copy can be merged with its neighbours. The size of jump and store is measured with no class between and taken off.
 */
import { assemble } from '@polybpf/asm';
import type { Endian, Program } from '@polybpf/isa';
import { compile, type Target } from '@polybpf/jit';
import type { SizeClass } from './size-class.ts';

/** A class is measured as (size with this many copies - size with one copy) / (this - 1), as the kernel's was. */
export const COPIES = 9;

const SAVED_BY_CALLS: readonly number[] = [7, 8];
const ALL_VALUES: readonly number[] = [1, 2, 3, 4, 5, 7, 8];

/** A program with `copies` copies of a class, or of nothing. */
export function frameProgram(
  sizeClass: SizeClass,
  copies: number,
  contents: 'class' | 'nothing',
  endian: Endian,
): Program {
  const values = sizeClass.calls ? SAVED_BY_CALLS : ALL_VALUES;
  const lines = ['r6 = r1', 'r9 = *(u64 *)(r6 + 0)', 'r0 = *(u64 *)(r6 + 8)'];
  // A call in both programs: what is alive must lie in the same registers, which calls preserve.
  if (sizeClass.calls) lines.splice(1, 0, 'call 7');
  if (sizeClass.usesStack) lines.push('*(u64 *)(r10 - 8) = r9');
  for (const register of [...values].reverse()) lines.push(`r${register} = *(u64 *)(r6 + ${16 + register * 8})`);
  for (let copy = 1; copy <= copies; copy++) {
    lines.push(`if r9 == ${copy} goto L_${copy}`);
    if (contents === 'class') lines.push(...sizeClass.lines(copy));
    lines.push(`*(u64 *)(r6 + ${8 * copy}) = r9`, `L_${copy}:`);
  }
  const letter = sizeClass.readsUpper ? 'r' : 'w';
  for (const register of values) lines.push(`${letter}0 += ${letter}${register}`);
  if (sizeClass.usesStack) lines.push('r1 = *(u64 *)(r10 - 8)', 'r0 += r1');
  lines.push('exit');
  return assemble(lines.join('\n'), { endian, lines: false });
}

/** Bytes that a target emits for one copy of a class; fractions come from literals that copies share. */
export function classSize(target: Target, sizeClass: SizeClass): number {
  const grown = growth(target, sizeClass, 'class') - growth(target, sizeClass, 'nothing');
  return grown / (COPIES - 1);
}

function growth(target: Target, sizeClass: SizeClass, contents: 'class' | 'nothing'): number {
  const length = (copies: number): number =>
    compile(frameProgram(sizeClass, copies, contents, target.endian), target).code.length;
  return length(COPIES) - length(1);
}
