import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../mutants.ts';
import { areaOf, isVectorKiller, mutated, occurrences } from '../src/mutant.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

function vectorNames(): Set<string> {
  const folder = join(ROOT, 'test-vectors');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'));
  const names = files.flatMap((name) => {
    const { tests } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { tests: { id: string }[] };
    return tests.map(({ id }) => `${name.replace('.json', '')}/${id}`);
  });
  return new Set(names);
}

describe('the list of mutants', () => {
  it('has every family, each mutant with an id of its own', () => {
    expect(new Set(MUTANTS.map(({ id }) => id)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(60);
    const areas = new Set(MUTANTS.map(areaOf));
    for (const area of ['interpreter', 'isa', 'asm', 'jit', 'loader', 'conformance']) expect(areas).toContain(area);
  });

  it('is not stale: the text to replace occurs just once', () => {
    const stale = MUTANTS.filter(({ file, find }) => occurrences(read(file), find) !== 1).map(
      ({ id, file, find }) => `${id}: ${occurrences(read(file), find)} times in ${file}`,
    );
    expect(stale).toEqual([]);
  });

  it('changes something', () => {
    for (const mutant of MUTANTS) expect(mutant.replace, mutant.id).not.toBe(mutant.find);
  });

  it('names vectors and tests that exist', () => {
    const vectors = vectorNames();
    const unknown = MUTANTS.filter(({ killedBy }) =>
      isVectorKiller(killedBy) ? !vectors.has(killedBy.vector) : !read(killedBy.test).includes(killedBy.name),
    );
    expect(unknown.map(({ id }) => id)).toEqual([]);
  });
});

describe('seeding', () => {
  const mutant = { ...MUTANTS[0]!, find: 'a + b', replace: 'a - $&' };

  it('replaces the one occurrence, literally', () => {
    expect(mutated('x = a + b;', mutant)).toBe('x = a - $&;');
  });

  it('refuses text that is missing or there twice', () => {
    expect(mutated('x = a * b;', mutant)).toBeUndefined();
    expect(mutated('x = a + b; y = a + b;', mutant)).toBeUndefined();
  });
});
