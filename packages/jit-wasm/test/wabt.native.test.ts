/** Vectors on a second engine: modules of their own, run by the reference interpreter of wabt (`spectest-interp`). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suiteHelpers, type Vector } from '@polybpf/conformance';
import { loadSuite } from '@polybpf/conformance/node';
import { isBpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import { afterAll, describe, expect, it } from 'vitest';
import { compileToWasm } from '../src/index.ts';

const PROGRAM = 'spectest-interp';
const found = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' }).status === 0;
const SUITE = fileURLToPath(new URL('../../../test-vectors', import.meta.url));
/** One vector of so many is run; all of them take minutes. */
const STRIDE = Number(process.env['POLYBPF_WABT_STRIDE'] ?? 16);

/** A module that must give r0, or trap where an error is expected; undefined for what needs a host. */
function commands(vector: Vector, endian: Endian, filename: string, line: number): object[] | undefined {
  const expected = vector.expect[endian];
  if (expected === undefined || (expected.r0 === undefined && expected.error === undefined)) return undefined;
  let module;
  try {
    module = compileToWasm(vector.build(endian), { mem: vector.mem, budget: 100_000, helpers: suiteHelpers() });
  } catch (error) {
    if (isBpfError(error)) return undefined;
    throw error;
  }
  if (module.needsHost) return undefined;
  writeFileSync(filename, module.bytes);
  const action = { type: 'invoke', field: 'run', args: [{ type: 'i32', value: String(vector.mem.length) }] };
  const outcome =
    expected.r0 === undefined
      ? { type: 'assert_trap', line, action, text: 'unreachable', expected: [{ type: 'i64' }] }
      : { type: 'assert_return', line, action, expected: [{ type: 'i64', value: String(expected.r0) }] };
  return [{ type: 'module', line, filename: filename.slice(filename.lastIndexOf('/') + 1) }, outcome];
}

describe('modules on wabt', () => {
  if (!found) {
    if (process.env['CI']) throw new Error(`${PROGRAM} of the Debian package wabt is missing`);
    it.skip(`needs ${PROGRAM} of the Debian package wabt`, () => undefined);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-wabt-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('give what the vectors say, in both byte orders', () => {
    const list: object[] = [];
    const names: string[] = [];
    loadSuite(SUITE).forEach((vector, i) => {
      if (i % STRIDE !== 0) return;
      for (const endian of vector.orders) {
        const found = commands(vector, endian, join(folder, `m${names.length}.wasm`), names.length + 1);
        if (found === undefined) continue;
        names.push(`${vector.name} ${endian}`);
        list.push(...found);
      }
    });
    const script = join(folder, 'vectors.json');
    writeFileSync(script, JSON.stringify({ source_filename: 'vectors.wast', commands: list }));
    const { stdout, stderr } = spawnSync(PROGRAM, [script], { encoding: 'utf8', maxBuffer: 1 << 26 });
    const failed = [...stdout.matchAll(/vectors\.wast:(\d+): (?!assert_trap passed)(.*)/g)].map(([, line, text]) => `${names[Number(line) - 1]}: ${text}`); // prettier-ignore
    expect(failed, stderr).toEqual([]);
    const tally = /(\d+)\/(\d+) tests passed/.exec(stdout);
    expect(tally?.[1], stdout).toBe(tally?.[2]);
    expect(names.length).toBeGreaterThan(100);
  });
});
