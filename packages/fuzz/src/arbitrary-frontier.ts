/** Arbitraries of programs near the verifier's frontier, for comparing verdicts. Not to be run. */
import { assemble } from '@polybpf/asm';
import fc from 'fast-check';
import type { Program } from '@polybpf/isa';
import { FRONTIER_FUNCTIONS, FRONTIER_MAPS, type FrontierType, GADGETS } from './frontier-gadgets.ts';

/** A program to be judged. */
export interface FrontierProgram {
  readonly program: Program;
  /** Program type, as the kernel calls it. */
  readonly type: FrontierType;
  /** Names of its pieces, with ` (slip N)` where one was made. */
  readonly pieces: readonly string[];
  /** The program as text. */
  readonly text: string;
}

interface StepShape {
  readonly gadget: number;
  readonly picks: readonly number[];
  /** 0: none. */
  readonly slip: number;
}

const TYPES: readonly FrontierType[] = ['xdp', 'sched_cls', 'socket_filter', 'kprobe'];
/** No piece has more. */
const MAX_SLIP = 8;

/** Programs of one to six pieces with few slips, so that about half of them are accepted. */
export function arbitraryFrontierProgram(): fc.Arbitrary<FrontierProgram> {
  const step: fc.Arbitrary<StepShape> = fc.record({
    gadget: fc.nat({ max: 255 }),
    picks: fc.array(fc.nat({ max: 255 }), { minLength: 6, maxLength: 6, size: 'max' }),
    slip: fc.oneof(
      { arbitrary: fc.constant(0), weight: 2 },
      { arbitrary: fc.integer({ min: 1, max: MAX_SLIP }), weight: 1 },
    ),
  });
  const steps = fc.array(step, { minLength: 1, maxLength: 6, size: 'max' });
  return fc
    .record({ type: fc.constantFrom(...TYPES), steps, returns: fc.constantFrom('0', '1', '2', 'r9') })
    .map(({ type, steps: list, returns }) => buildFrontierProgram(type, list, returns));
}

function buildFrontierProgram(type: FrontierType, steps: readonly StepShape[], returns: string): FrontierProgram {
  const gadgets = GADGETS.filter(({ types }) => types === undefined || types.includes(type));
  const pieces: string[] = [];
  const body = steps.flatMap(({ gadget, picks, slip }, i) => {
    const { name, lines } = gadgets[gadget % gadgets.length]!;
    let made = false;
    let next = 0;
    const text = lines({
      type,
      one: (...values) => values[picks[next++ % picks.length]! % values.length]!,
      slip: (number) => number === slip && (made = true),
      label: (label) => `l${i}_${label}`,
    });
    pieces.push(made ? `${name} (slip ${slip})` : name);
    return text;
  });
  const called = Object.entries(FRONTIER_FUNCTIONS).filter(([name]) =>
    body.some((line) => new RegExp(`\\b(call|func) ${name}\\b`).test(line)),
  );
  const text = [
    ...FRONTIER_MAPS,
    'main:',
    'r6 = r1',
    'call 7',
    'r9 = r0',
    ...body,
    `r0 = ${returns}`,
    'exit',
    ...called.flatMap(([name, lines]) => [`.function ${name}`, ...lines]),
  ].join('\n');
  return { program: assemble(text, { lines: false }), type, pieces, text };
}
