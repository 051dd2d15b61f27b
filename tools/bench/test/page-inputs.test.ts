import { expect, it } from 'vitest';
import { packInputs, unpackInputs } from '../src/browser/page-inputs.ts';
import { loadWorkloads } from '../src/load-workloads.ts';

it('a page gets the programs and inputs as they are', () => {
  const { origin, workloads } = loadWorkloads(undefined);
  const unpacked = unpackInputs(packInputs({ origin, workloads }));
  expect(unpacked.origin).toBe(origin);
  expect(unpacked.workloads).toHaveLength(workloads.length);
  unpacked.workloads.forEach(({ name, program, quick, full }, i) => {
    const original = workloads[i]!;
    expect(name).toBe(original.name);
    expect(program).toEqual(original.program);
    expect(quick).toEqual(original.quick);
    expect(full).toEqual(original.quick);
  });
});
