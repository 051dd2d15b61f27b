/** Engines in WebAssembly and modules of their own, from the command line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTPUT_SCHEMAS } from '../src/schemas.ts';
import { buildCli, type Cli } from './run-cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

/** r0 = *(u8 *)(r1 + 1); exit */
const SECOND_BYTE = '71100100000000009500000000000000';

describe('engines in WebAssembly', () => {
  it.each(['wasm', 'wasm-interpreter', 'auto'])('run programs: %s', (engine) => {
    const { status, stdout } = cli.run(['run', '-', '--engine', engine, '--mem', '0a0b', '--json'], SECOND_BYTE);
    expect(status).toBe(0);
    const value = JSON.parse(stdout) as Record<string, unknown>;
    expect(OUTPUT_SCHEMAS['run']!.safeParse(value).error?.issues ?? []).toEqual([]);
    expect(value).toMatchObject({ engine, r0: '0x000000000000000b', insnsExecuted: 2 });
  });

  it('say what went wrong as the interpreter does', () => {
    const messages = ['interpreter', 'wasm', 'wasm-interpreter'].map((engine) => {
      const { status, stderr } = cli.run(['run', '-', '--engine', engine, '--mem', '0a'], SECOND_BYTE);
      expect(status).not.toBe(0);
      return stderr;
    });
    expect(new Set(messages).size).toBe(1);
    expect(messages[0]).toMatch(/insn 0: read of 1 byte/);
  });

  it('end with the budget', () => {
    const { status, stderr } = cli.run(['run', '-', '--engine', 'wasm', '--budget', '100'], '0500ffff00000000');
    expect([status !== 0, /budget of 100/.test(stderr)]).toEqual([true, true]);
  });

  it('are no CPUs', () => {
    expect(cli.run(['run', '-', '--engine', 'wasm', '--target', 'arm64'], SECOND_BYTE).status).toBe(2);
  });
});

describe('compile --target wasm', () => {
  it('writes a module that runs', () => {
    const file = join(cli.folder, 'second.wasm');
    const { status, stdout } = cli.run(['compile', '-', '--target', 'wasm', '-o', file], SECOND_BYTE);
    expect({ status, named: stdout.includes('second.wasm') }).toEqual({ status: 0, named: true });
    const bytes = readFileSync(file);
    expect([...bytes.subarray(0, 4)]).toEqual([0, 0x61, 0x73, 0x6d]);
  });

  it('shows it as JSON', () => {
    const { status, stdout } = cli.run(['compile', '-', '--target', 'wasm', '--json'], SECOND_BYTE);
    expect(status).toBe(0);
    const value = JSON.parse(stdout) as Record<string, unknown>;
    expect(OUTPUT_SCHEMAS['compile']!.safeParse(value).error?.issues ?? []).toEqual([]);
    expect(value).toMatchObject({ outputs: [{ target: 'wasm', status: 'done', format: 'raw' }] });
  });

  it('refuses options of machine code', () => {
    expect(cli.run(['compile', '-', '--target', 'wasm', '--map'], SECOND_BYTE).status).toBe(2);
    expect(cli.run(['compile', '-', '--target', 'wasm', '--format', 'object'], SECOND_BYTE).status).toBe(2);
  });
});
