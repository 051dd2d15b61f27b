import { describe, expect, test } from 'vitest';
import { countCpus, userValueSize } from './create-map.ts';
import { errnoName } from './errno.ts';
import { versionCode } from './object-externs.ts';
import { attachTypeNumber, mapTypeNumber, programTypeNumber } from './type-names.ts';
import { writeName } from './syscall.ts';

describe('names', () => {
  test('types by any of their spellings, and by number', () => {
    expect(['xdp', 'XDP', 'BPF_PROG_TYPE_XDP', 6].map(programTypeNumber)).toEqual([6, 6, 6, 6]);
    expect(['hash', 'BPF_MAP_TYPE_HASH', 'arena'].map(mapTypeNumber)).toEqual([1, 1, 33]);
    expect(attachTypeNumber('BPF_XDP')).toBe(37);
    expect(programTypeNumber(99)).toBe(99);
    expect(() => programTypeNumber('xpd')).toThrow(expect.objectContaining({ code: 'E_INPUT', got: 'xpd' }));
    expect(() => mapTypeNumber('hsah')).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
    expect(() => attachTypeNumber('BPF_X')).toThrow(expect.objectContaining({ code: 'E_INPUT' }));
  });

  test('errno', () => {
    expect([1, 7, 11, 13, 22, 95, 524, 4000].map(errnoName)).toEqual([
      'EPERM',
      'E2BIG',
      'EAGAIN',
      'EACCES',
      'EINVAL',
      'EOPNOTSUPP',
      'ENOTSUPP',
      'errno 4000',
    ]);
  });

  test('object names keep to what the kernel takes', () => {
    const bytes = new Uint8Array(20).fill(0);
    writeName(bytes, 2, 'a-b.c/ü_0123456789');
    expect(Buffer.from(bytes).toString('latin1')).toBe('\0\0a_b.c___0123456\0\0\0');
  });

  test('CPU lists and release numbers', () => {
    expect(['0', '0-3\n', '0-3,8,10-11'].map(countCpus)).toEqual([1, 4, 7]);
    expect(versionCode('6.18.44-generic')).toBe(0x06122cn);
    expect(versionCode('5.10')).toBe(0x050a00n);
    expect(versionCode('4.19.300')).toBe(0x0413ffn);
  });

  test('user space sees objects as 32-bit numbers', () => {
    expect(userValueSize(mapTypeNumber('prog_array'), 4)).toBe(4);
    expect(userValueSize(mapTypeNumber('hash'), 13)).toBe(13);
  });
});
