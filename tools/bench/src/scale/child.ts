/** `child.ts SHAPE STAGE SIZE...`: one stage on programs of growing size, in a process of its own, whose memory is then the stage's. */
import { isBpfError } from '@polybpf/errors';
import { timed } from '../repeat.ts';
import { SHAPES } from './shapes.ts';
import { STAGES } from './stages.ts';

/** One size, as JSON on a line of standard output. */
export interface ScaleSample {
  /** Instructions, exactly. */
  readonly size: number;
  readonly ms: number;
  /** Most memory that the process had so far. */
  readonly peakMb: number;
  /** What the stage said instead of doing its work: a typed error. */
  readonly refused?: string;
}

const [shapeName, stageName, ...sizes] = process.argv.slice(2);
const shape = SHAPES.find(({ name }) => name === shapeName)!;
const stage = STAGES.find(({ name }) => name === stageName)!;
/** So that the smallest size is not the one that V8 learns on. */
const WARM_UP = 20_000;

for (const size of [WARM_UP, ...sizes.map(Number)]) {
  const program = shape.make(size);
  const work = stage.prepare(program);
  let refused: string | undefined;
  let ms = Infinity;
  const attempt = (): void => {
    try {
      refused = work();
    } catch (error) {
      if (!isBpfError(error)) throw error;
      refused = `${error.code}: ${error.message}`;
    }
  };
  // The lesser of two, by the lesser of wall and CPU time: other processes have the CPU, too.
  for (let run = 0; run < 2; run++) ms = Math.min(ms, timed(attempt) / 1e6);
  const peakMb = process.resourceUsage().maxRSS / 1024;
  const sample: ScaleSample = { size: program.insns.length, ms, peakMb, ...(refused !== undefined && { refused }) };
  if (size !== WARM_UP) console.log(JSON.stringify(sample));
}
