import { BpfError } from '@polybpf/errors';
import { makeInsn, makeProgram } from '@polybpf/isa';
import { describe, expect, it } from 'vitest';
import { type Engine, interpreterEngine, type Outcome } from '../src/engine.ts';
import { formatReport } from '../src/report.ts';
import { runSuite, summarise } from '../src/run-suite.ts';
import type { Expectation, Vector } from '../src/vector.ts';

const exit = makeInsn(0x95, 0, 0, 0, 0);
const build: Vector['build'] = (endian) => makeProgram([makeInsn(0xb7, 0, 0, 0, 7), exit], { endian });
/** r0 = first half-word of the memory */
const loadHalf: Vector['build'] = (endian) => makeProgram([makeInsn(0x69, 0, 1, 0, 0), exit], { endian });

function vector(expect: Vector['expect'], extra: Partial<Vector> = {}): Vector {
  return { name: 'v', source: 'test', mem: new Uint8Array(0), expect, orders: ['little', 'big'], build, ...extra };
}

/** An engine that always ends in the same way. */
function fixed(outcome: Outcome, extra: Partial<Engine> = {}): Engine {
  return { name: 'fixed', checksAccesses: true, run: (jobs) => jobs.map(() => outcome), ...extra };
}

const done = (r0: bigint, mem = new Uint8Array(0)): Outcome => ({ status: 'done', r0, mem });
const statusOf = (expectation: Expectation, outcome: Outcome): string =>
  runSuite([vector({ little: expectation })], fixed(outcome))[0]!.status;

describe('comparison', () => {
  it('compares all 64 bits of r0, or the low 32 when no more is known', () => {
    expect(statusOf({ r0: 7n }, done(7n))).toBe('passed');
    expect(statusOf({ r0: 7n }, done(0x100000007n))).toBe('failed');
    expect(statusOf({ r0low32: 7 }, done(0x100000007n))).toBe('passed');
    expect(statusOf({ r0low32: 8 }, done(0x100000007n))).toBe('failed');
  });

  it('compares memory', () => {
    expect(statusOf({ r0: 7n, mem: Uint8Array.of(1) }, done(7n, Uint8Array.of(1)))).toBe('passed');
    expect(statusOf({ r0: 7n, mem: Uint8Array.of(1) }, done(7n, Uint8Array.of(2)))).toBe('failed');
  });

  it('takes an error only where one is expected, and of the expected code', () => {
    const error: Outcome = { status: 'error', error: new BpfError('E_RUN_MEMORY', 'x') };
    expect(statusOf({ error: 'E_RUN_MEMORY' }, error)).toBe('passed');
    expect(statusOf({ error: '' }, error)).toBe('passed');
    expect(statusOf({ error: 'E_RUN_ALIGN' }, error)).toBe('failed');
    expect(statusOf({ r0: 7n }, error)).toBe('failed');
    expect(statusOf({ error: '' }, done(7n))).toBe('failed');
  });

  it('skips what an engine says it does not support, but not where an error is expected', () => {
    const unsupported: Outcome = { status: 'error', error: new BpfError('E_UNSUPPORTED', 'packet access') };
    expect(statusOf({ r0: 7n }, unsupported)).toBe('skipped');
    expect(statusOf({ error: 'E_RUN_MEMORY' }, unsupported)).toBe('failed');
  });

  it('does not blame native code for a fault that it cannot notice', () => {
    const unchecked = (error: string, outcome: Outcome, program = loadHalf): string =>
      runSuite([vector({ little: { error } }, { build: program })], fixed(outcome, { checksAccesses: false }))[0]!
        .status;
    const crash: Outcome = { status: 'error', error: new BpfError('E_MACHINE_CRASH', 'x') };
    expect(unchecked('', done(7n))).toBe('skipped');
    expect(unchecked('', crash)).toBe('passed');
    expect(unchecked('E_RUN_MEMORY', done(7n))).toBe('skipped');
    expect(unchecked('E_DECODE_OPCODE', done(7n))).toBe('failed');
    expect(unchecked('', done(7n), build), 'no access that could fault').toBe('failed');
  });

  it('counts a program that does not build as an error', () => {
    const broken = vector({ little: { error: 'E_DECODE_OPCODE' } }, { build: () => { throw new BpfError('E_DECODE_OPCODE', 'x'); } }); // prettier-ignore
    expect(runSuite([broken], interpreterEngine())[0]!.status).toBe('passed');
  });
});

describe('byte order', () => {
  const mem = Uint8Array.of(1, 2);
  const little = vector({ little: { r0: 0x0201n } }, { mem, build: loadHalf });
  const bigEngine = (r0: bigint): Engine => fixed(done(r0, mem), { endian: 'big' });

  it('accepts a difference on a big-endian machine only when the interpreter gives the same one', () => {
    const [right, wrong] = [0x0102n, 0x0103n].map((r0) => runSuite([little], bigEngine(r0))[0]!);
    expect(right).toMatchObject({ status: 'passed', byteOrderDependent: true });
    expect(wrong!.status).toBe('failed');
  });

  it('does not forgive a difference where the big-endian truth is known', () => {
    const both = vector({ little: { r0: 0x0201n }, big: { r0: 0x0304n } }, { mem, build: loadHalf });
    expect(runSuite([both], bigEngine(0x0102n))[0]!.status).toBe('failed');
  });

  it('skips vectors that are for the other order', () => {
    const result = runSuite([{ ...little, orders: ['little'] }], bigEngine(0n))[0]!;
    expect(result).toMatchObject({ status: 'skipped', reason: 'only for little-endian memory' });
  });
});

describe('reports', () => {
  const results = runSuite(
    [vector({ little: { r0: 7n } }), vector({ little: { r0: 8n } }, { name: 'a<b>' })],
    interpreterEngine(),
  );

  it('counts', () => {
    expect(summarise(results)).toEqual({ passed: 1, failed: 1, skipped: 0, byteOrderDependent: 0 });
    expect(formatReport(results, 'text')).toMatch(
      /FAILED interpreter a<b>\n {2}expected 0x0{15}8\n {2}got {6}0x0{15}7\n[^]*1 passed, 1 failed, 0 skipped\n$/,
    );
  });

  it('writes TAP, JUnit and JSON that parse', () => {
    expect(formatReport(results, 'tap')).toContain('not ok 2 - interpreter a<b>');
    expect(formatReport(results, 'junit')).toContain(
      'name="a&lt;b&gt;"><failure message="expected 0x0000000000000008, got 0x0000000000000007"/>',
    );
    expect(JSON.parse(formatReport(results, 'json'))).toMatchObject({
      summary: { passed: 1 },
      results: [{ status: 'passed' }, { status: 'failed' }],
    });
  });
});
