import { describe, expect, it } from 'vitest';
import { ALL_TARGETS, PLANNED_TARGETS, targetByName, targetsByList } from './all-targets.ts';

describe('targets', () => {
  it('finds each target by its name', () => {
    for (const target of ALL_TARGETS) expect(targetByName(target.name)).toBe(target);
  });

  it('has names that are unique and not planned', () => {
    const names = ALL_TARGETS.map((target) => target.name);
    expect(new Set([...names, ...PLANNED_TARGETS]).size).toBe(names.length + PLANNED_TARGETS.length);
  });

  it('says that a planned CPU is unsupported and any other name unknown', () => {
    for (const name of PLANNED_TARGETS)
      expect(() => targetByName(name)).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED' }));
    expect(() => targetByName('z80')).toThrow(expect.objectContaining({ code: 'E_TARGET_UNKNOWN', got: 'z80' }));
  });

  it('takes options after plus signs, one object for each set of them', () => {
    for (const target of ALL_TARGETS) {
      for (const { name } of target.options ?? []) {
        const variant = targetByName(`${target.name}+${name}`);
        expect([variant.name, variant.base, [...variant.features!]]).toEqual([`${target.name}+${name}`, target.name, [name]]); // prettier-ignore
        expect(targetByName(variant.name)).toBe(variant);
      }
      expect(() => targetByName(`${target.name}+`)).toThrow(expect.objectContaining({ code: 'E_TARGET_UNKNOWN' }));
      expect(() => targetByName(`${target.name}+none`)).toThrow(expect.objectContaining({ got: 'none' }));
    }
  });

  it('expands lists, each target once', () => {
    expect(targetsByList('all')).toEqual(ALL_TARGETS);
    expect(targetsByList('s390x,all')[0]?.name).toBe('s390x');
    expect(targetsByList('s390x,all')).toHaveLength(ALL_TARGETS.length);
    expect(() => targetsByList('x86_64,')).toThrow(expect.objectContaining({ code: 'E_TARGET_UNKNOWN' }));
  });
});
