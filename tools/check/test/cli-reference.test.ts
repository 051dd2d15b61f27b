import { expect, test } from 'vitest';
import { renderCliReference } from '../cli-reference.ts';

const text = renderCliReference();

test('every command has its section, reached from the list', () => {
  const sections = [...text.matchAll(/^## polybpf (\w+)$/gm)].map((match) => match[1]);
  const listed = [...text.matchAll(/\(#polybpf-(\w+)\)/g)].map((match) => match[1]);
  expect(sections).toEqual(listed);
  expect(sections).toContain('conformance');
});

test('arguments stand in the line of usage, options in a table with choices and defaults', () => {
  expect(text).toContain('polybpf plugin [MEM_HEX] [options]');
  expect(text).toContain('| `--endian <order>` | byte order of the output; one of `little`, `big`; default `little` |');
});

test('a bar inside of a cell does not end it', () => {
  const row = text.split('\n').find((line) => line.includes('--mem <HEX'))!;
  expect(row).toContain('`--mem <HEX\\|@FILE>`');
  expect(row.split(/(?<!\\)\|/)).toHaveLength(4);
});
