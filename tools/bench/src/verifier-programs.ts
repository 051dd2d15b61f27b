/** Programs for the bench of the verifier, one for each way to give it work. They are text, so that no clone lacks one. */

/** A program that the kernel accepts, in kernel syntax. */
export interface VerifierProgram {
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

const EXIT = 'r0 = 0\nexit\n';

/** Small where `isQuick`: a tenth of the work. */
export function verifierPrograms(isQuick: boolean): VerifierProgram[] {
  const scale = isQuick ? 1 : 10;
  return [
    { name: 'loop, walked turn by turn', type: 'socket_filter', text: loop(3000 * scale) },
    { name: 'arithmetic of unknown numbers', type: 'socket_filter', text: arithmetic(100 * scale) },
    { name: 'branches that are pruned', type: 'socket_filter', text: branches(40 * scale) },
    { name: 'branches that differ', type: 'socket_filter', text: paths(isQuick ? 6 : 9) },
    { name: 'packet bounds', type: 'xdp', text: packet(20 * scale) },
    { name: 'stack slots', type: 'socket_filter', text: spills(30 * scale) },
    { name: 'calls', type: 'socket_filter', text: calls(30 * scale) },
  ];
}

function repeat(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join('');
}

function loop(turns: number): string {
  return `r0 = 0\nr1 = 0\nagain:\nr1 += 1\nr0 += r1\nif r1 < ${turns} goto again\n${EXIT}`;
}

function arithmetic(blocks: number): string {
  const block = (i: number): string =>
    `r2 = *(u32 *)(r6 + ${(i % 4) * 4})\nr3 = r2\nr3 &= ${255 + i}\nr3 <<= ${i % 5}\nr4 += r3\nr4 ^= r2\nw5 = w4\nr5 >>= 3\nr4 -= r5\n`;
  return `r6 = r1\nr4 = 0\n${repeat(blocks, block)}${EXIT}`;
}

function branches(count: number): string {
  const branch = (i: number): string =>
    `r2 = *(u32 *)(r6 + 0)\nif r2 > ${i * 7 + 1} goto over${i}\nr3 = r2\nr3 += ${i}\nover${i}:\n`;
  return `r6 = r1\nr3 = 0\n${repeat(count, branch)}${EXIT}`;
}

/** Every path has another sum, which a comparison in the end makes precise. */
function paths(count: number): string {
  const branch = (i: number): string =>
    `r2 = *(u32 *)(r6 + 0)\nif r2 == ${i} goto over${i}\nr7 += ${1 << i}\nover${i}:\n`;
  const pad = repeat(200, () => 'r8 += 1\n');
  return `r6 = r1\nr7 = 0\nr8 = 0\n${repeat(count, branch)}${pad}if r7 > ${1 << count} goto out\nr8 = 1\nout:\n${EXIT}`;
}

function packet(count: number): string {
  const field = (i: number): string =>
    `r4 = r2\nr4 += ${i + 8}\nif r4 > r3 goto out\nr5 = *(u8 *)(r2 + ${i})\nr0 += r5\n`;
  return `r2 = *(u32 *)(r1 + 0)\nr3 = *(u32 *)(r1 + 4)\nr0 = 0\n${repeat(count, field)}out:\nr0 = 2\nexit\n`;
}

function spills(count: number): string {
  const spill = (i: number): string => {
    const slot = 8 * (1 + (i % 60));
    return `r2 = *(u32 *)(r6 + 0)\n*(u64 *)(r10 - ${slot}) = r2\nif r2 > ${i} goto over${i}\n*(u64 *)(r10 - ${slot}) = r6\nr2 = 0\nover${i}:\nr3 = *(u64 *)(r10 - ${slot})\n*(u64 *)(r10 - ${slot}) = r2\n`;
  };
  return `r6 = r1\n${repeat(count, spill)}${EXIT}`;
}

function calls(count: number): string {
  const call = (i: number): string => `r1 = r6\nr2 = ${i}\ncall field\nr7 += r0\n`;
  return `r6 = r1\nr7 = 0\n${repeat(count, call)}${EXIT}field:\nr0 = *(u32 *)(r1 + 0)\nr0 += r2\nif r0 > 9 goto big\nr0 = 1\nbig:\nexit\n`;
}
