/**
 * Nanoseconds per instruction of the interpreter on the shared compute workloads, with every check and the budget on.
 *
 *   npx tsx --conditions=@polybpf/source bench/workloads.ts [quick|full] [v1,v2,v3,v4] [name,...]
 *
 * Every run is checked: r0 and the SHA-256 of the memory afterwards. The last line is the geometric mean.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeProgram, makeProgram } from '@polybpf/isa';
import { createInterpreter } from '../src/index.ts';

interface Input {
  readonly file: string;
  readonly patch_u32_at_0: number;
  readonly r0: string;
  readonly mem_sha256_after: string;
}
interface Workload {
  readonly name: string;
  readonly isa: Record<string, { readonly file: string }>;
  readonly inputs: Record<string, Input>;
}

const shared = process.env['POLYBPF_SHARED'] ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
const folder = join(shared, 'bench/workloads');
const [size = 'quick', isas = 'v3', only] = process.argv.slice(2);

function measure(workload: Workload, isa: string): number {
  const program = makeProgram(decodeProgram(readFileSync(join(folder, workload.isa[isa]!.file))), {
    name: workload.name,
  });
  const input = workload.inputs[size]!;
  const initial = new Uint8Array(readFileSync(join(folder, input.file)));
  new DataView(initial.buffer).setUint32(0, input.patch_u32_at_0, true);
  const interpreter = createInterpreter(program, { budget: 2 ** 40 });
  let best = Infinity;
  let insns = 0;
  // Short runs are repeated until V8 has optimised the loop and other work on the machine has paused for one of them.
  const begin = performance.now();
  for (let round = 0; round < 2 || (round < 200 && performance.now() - begin < 1500); round++) {
    const mem = initial.slice();
    const start = process.cpuUsage();
    const result = interpreter.run({ mem });
    const used = process.cpuUsage(start);
    insns = result.insnsExecuted;
    best = Math.min(best, ((used.user + used.system) * 1000) / insns);
    const digest = createHash('sha256').update(mem).digest('hex');
    if (result.r0 !== BigInt(input.r0) || digest !== input.mem_sha256_after) {
      throw new Error(
        `${workload.name} ${isa}: r0 0x${result.r0.toString(16)}, expected ${input.r0}; memory ${digest}`,
      );
    }
  }
  console.log(
    `${workload.name.padEnd(10)} ${isa}  ${best.toFixed(2).padStart(6)} ns/insn  ${String(insns).padStart(10)} insns`,
  );
  return best;
}

if (!existsSync(join(folder, 'manifest.json'))) {
  console.error(`no workloads at ${folder}: set POLYBPF_SHARED`);
  process.exitCode = 3;
} else {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { workloads: Workload[] };
  const chosen = manifest.workloads.filter(({ name }) => only === undefined || only.split(',').includes(name));
  for (const isa of isas.split(',')) {
    const times = chosen.map((workload) => measure(workload, isa));
    const mean = Math.exp(times.reduce((sum, time) => sum + Math.log(time), 0) / times.length);
    console.log(`geometric mean ${isa} ${size}: ${mean.toFixed(2)} ns/insn`);
  }
}
