import { describe, expect, it } from 'vitest';
import { arenaAddress, planLayout, RECORD, RECORD_BYTES } from './layout.ts';
import { decodeJob, encodeJobs, jobBytes, type NativeJob, writeInterval } from './native-job.ts';

const LAYOUT = planLayout({ stackBytes: 1, slots: 1, codeBytes: 1, dataBytes: 1, batchBytes: 1 });
const JOB: NativeJob = {
  confined: false,
  isAtomic: () => false,
  name: 'job',
  code: 0x2010_0040n,
  mem: undefined,
  args: (address) => [address, -1n],
  repeat: 3,
  timeoutMs: 1500,
  insnAt: () => undefined,
  callTarget: () => 0n,
};

describe.each([true, false])('a batch, little-endian %s', (little) => {
  const jobs = [JOB, { ...JOB, mem: Uint8Array.of(1, 2, 3) }, { ...JOB, mem: new Uint8Array(65).fill(7) }];
  const { bytes, memOffsets } = encodeJobs(jobs, LAYOUT, little);
  const view = new DataView(bytes.buffer);
  const word = (job: number, field: number): bigint => view.getBigUint64(job * RECORD_BYTES + field, little);

  it('has a record for each job, then aligned memory', () => {
    expect(bytes).toHaveLength(jobs.reduce((sum, job) => sum + jobBytes(job), 0));
    expect(memOffsets).toEqual([384, 384, 448, 576]);
    expect([...bytes.subarray(384, 388)]).toEqual([1, 2, 3, 0]);
    expect(word(2, RECORD.code)).toBe(0x2010_0040n);
    expect(word(2, RECORD.repeat)).toBe(3n);
  });

  it('passes addresses of memory, 0 where there is none, and negative numbers', () => {
    const base = BigInt(arenaAddress(LAYOUT, LAYOUT.batch));
    expect([0, 1, 2].map((job) => word(job, RECORD.args))).toEqual([0n, base, base + 64n]);
    expect(word(0, RECORD.args + 8)).toBe(2n ** 64n - 1n);
    expect(word(0, RECORD.args + 16)).toBe(0n);
  });

  it('reads results, and times across a full second', () => {
    const done = bytes.slice();
    const out = new DataView(done.buffer);
    const set = (field: number, value: bigint): void => out.setBigUint64(RECORD_BYTES + field, value, little);
    set(RECORD.result, 2n ** 63n);
    set(RECORD.start, 9_000_000_000n);
    set(RECORD.start + 8, 999_999_900n);
    set(RECORD.end, 9_000_000_001n);
    set(RECORD.end + 8, 100n);
    expect(decodeJob(jobs[1]!, 1, done, memOffsets[1]!, little)).toEqual({
      status: 'done',
      r0: 2n ** 63n,
      mem: Uint8Array.of(1, 2, 3),
      elapsedNs: 200,
    });
  });
});

it('an interval of less than a microsecond still fires', () => {
  const view = new DataView(new ArrayBuffer(32));
  const fields = (): bigint[] => [0, 8, 16, 24].map((offset) => view.getBigUint64(offset, true));
  writeInterval(view, 0, 0.0001, true);
  expect(fields()).toEqual([0n, 0n, 0n, 1n]);
  writeInterval(view, 0, 2500, true);
  expect(fields()).toEqual([0n, 0n, 2n, 500_000n]);
});

it('microseconds of 32 bits are the first half of their 8 bytes', () => {
  for (const little of [true, false]) {
    const view = new DataView(new ArrayBuffer(32));
    writeInterval(view, 0, 2500, little, { microsecondBits: 32 });
    expect([view.getBigUint64(16, little), view.getUint32(24, little), view.getUint32(28, little)]).toEqual([
      2n,
      500_000,
      0,
    ]);
  }
});

it('more than five arguments are refused', () => {
  const job = { ...JOB, args: () => [1n, 2n, 3n, 4n, 5n, 6n] };
  expect(() => encodeJobs([job], LAYOUT, true)).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
});
