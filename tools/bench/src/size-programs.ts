/**
 * The whole programs of the kernel's size table. `w_*` are small ones that show the cost of a prologue, a frame, saved
 * registers, calls and branches; `p_*` are compiled C, given as bytes.
 */
import { assemble } from '@polybpf/asm';
import { decodeProgram, type Endian, makeProgram, type Program } from '@polybpf/isa';

/** `w_far<n>` jumps over n additions; one of them is beyond what a short branch reaches. */
function farJump(distance: number): string[] {
  return [
    'r2 = *(u32 *)(r1 + 0)',
    'r0 = 1',
    `if r2 == 0x12345678 goto +${distance}`,
    ...new Array<string>(distance).fill('r0 += r2'),
    'exit',
  ];
}

const SMALL_PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  w_ret0: ['r0 = 0', 'exit'],
  w_ret42_w: ['w0 = 42', 'exit'],
  w_stack8: ['*(u64 *)(r10 - 8) = 5', 'r0 = *(u64 *)(r10 - 8)', 'exit'],
  w_stack512: ['*(u64 *)(r10 - 512) = 5', 'r0 = *(u64 *)(r10 - 512)', 'exit'],
  w_r6: ['r6 = *(u32 *)(r1 + 0)', 'r0 = r6', 'exit'],
  w_r6789: ['r0 = 0', 'r6 = r0', 'r7 = r0', 'r8 = r0', 'r9 = r0', 'exit'],
  w_call: ['call 5', 'r0 = 0', 'exit'],
  w_subprog: ['r1 = 1', 'call sub', 'exit', 'sub:', 'r0 = r1', 'r0 += 1', 'exit'],
};

/**
 * A whole program by its name in the table, or undefined for a name that means nothing here.
 *
 * @param bytes - the program as hex, for names that stand for given bytes
 */
export function wholeProgram(
  name: string,
  endian: Endian,
  bytes: Readonly<Record<Endian, string>> | undefined,
): Program | undefined {
  if (bytes !== undefined) {
    const slots = decodeProgram(new Uint8Array(Buffer.from(bytes[endian], 'hex')), endian);
    return makeProgram(slots, { name, endian });
  }
  const far = /^w_far(\d+)$/.exec(name);
  const lines = far === null ? SMALL_PROGRAMS[name] : farJump(Number(far[1]));
  return lines === undefined ? undefined : assemble(lines.join('\n'), { endian, name, lines: false });
}
