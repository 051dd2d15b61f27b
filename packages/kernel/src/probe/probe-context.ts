/** What a program may load from and store to its context, byte by byte. */
import type { LiveKernel } from '../live-kernel.ts';
import type { LoadOptions } from '../load-program.ts';
import type { ContextAccess } from './profile.ts';
import { ask, exit, load, movImm, store } from './snippets.ts';

/** Offsets from 0 to below this are tried, naturally aligned. */
const END = 288;
const SIZES = [1, 2, 4, 8];

/** All accesses that are allowed, by offset, then size. */
export function probeContext(kernel: LiveKernel, options: LoadOptions, anyReturn: number): ContextAccess[] {
  const rows: ContextAccess[] = [];
  for (let offset = 0; offset < END; offset++) {
    for (const size of SIZES) {
      if (offset % size !== 0) continue;
      const type = loadedType(kernel, options, anyReturn, offset, size);
      const writable = ask(kernel, [movImm(0, anyReturn), store(size, 1, offset, 0), exit()], options, 0).accepted;
      if (type !== null || writable) rows.push([offset, size, type, writable]);
    }
  }
  return rows;
}

function loadedType(
  kernel: LiveKernel,
  options: LoadOptions,
  anyReturn: number,
  offset: number,
  size: number,
): string | null {
  const insns = [load(size, 2, 1, offset), movImm(0, anyReturn), exit()];
  const answer = ask(kernel, insns, options, 2); // level 1 forgets the trace of what is accepted
  return answer.accepted ? typeInLog(answer.log) : null;
}

/**
 * The type of r2 in the state that the trace prints after insn 0, in the verifier's words: `R2=pkt(r=0)` is `pkt`,
 * `R2_w=trusted_ptr_task_struct(...)` is `trusted_ptr_task_struct`; every number is `scalar`.
 */
export function typeInLog(log: string): string {
  const text = /\bR2(?:_[rw]+)?=([^\s(]+)/.exec(log)?.[1];
  return text === undefined || /^-?(\d|0x)/.test(text) ? 'scalar' : text;
}
