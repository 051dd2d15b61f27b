import { describe, expect, test } from 'vitest';
import * as layout from './attr-layout.ts';

const STRUCTS = Object.entries(layout).flatMap(([name, fields]): [string, Record<string, number>][] =>
  typeof fields === 'object' && name !== 'BPF_CMD' ? [[name, fields]] : [],
);

describe.each(STRUCTS)('%s', (name, fields) => {
  test('fields are in order, none on another, each at its alignment', () => {
    const offsets = Object.values(fields);
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
    for (const [field, offset] of Object.entries(fields)) expect([field, offset % (isText(field) ? 1 : 4)]).toEqual([field, 0]); // prettier-ignore
  });

  test('fits the room it has', () => {
    const room = name === 'PROG_INFO' ? layout.PROG_INFO_SIZE : name === 'MAP_INFO' ? layout.MAP_INFO_SIZE : layout.ATTR_SIZE; // prettier-ignore
    for (const offset of Object.values(fields)) expect(offset + 4).toBeLessThanOrEqual(room);
  });
});

function isText(field: string): boolean {
  return field.endsWith('name') || field === 'tag';
}

test('no command attaches, pins, links or delegates anything', () => {
  const names = Object.keys(layout.BPF_CMD).join(' ');
  expect(names).not.toMatch(/ATTACH|PIN|LINK|TOKEN|RAW_TRACEPOINT|ITER|ENABLE/);
});
