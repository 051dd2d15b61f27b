import { describe, expect, it } from 'vitest';
import { tracepoint, tracepointGroups, tracepointNames } from './tracepoints.ts';

describe('tracepoint', () => {
  it('finds an event and where its fields are', () => {
    const event = tracepoint('sock:inet_sock_set_state')!;
    expect(event.size).toBe(72);
    expect(event.fields.map(({ name, offset, size }) => `${name}@${offset}:${size}`).join(' ')).toBe(
      'skaddr@8:8 oldstate@16:4 newstate@20:4 sport@24:2 dport@26:2 family@28:2 protocol@30:2 saddr@32:4 daddr@36:4 ' +
        'saddr_v6@40:16 daddr_v6@56:16',
    );
    expect(event.fields.filter(({ signed }) => signed).map(({ name }) => name)).toEqual(['oldstate', 'newstate']);
  });

  it('takes the spelling of section names', () => {
    const event = tracepoint('syscalls/sys_enter_openat')!;
    expect(event).toEqual(tracepoint('syscalls:sys_enter_openat'));
    expect(event.fields.map(({ name, offset }) => [name, offset])).toEqual([
      ['__syscall_nr', 8],
      ['dfd', 16],
      ['filename', 24],
      ['flags', 32],
      ['mode', 40],
    ]);
  });

  it('has none of a wrong name', () => {
    for (const name of ['sock', 'sock:', ':', 'sock:nonsense', 'nonsense:inet_sock_set_state', 'a:b:c', '']) {
      expect([name, tracepoint(name)]).toEqual([name, undefined]);
    }
  });

  it('knows all events of all groups', () => {
    const names = tracepointNames();
    expect([names.length, tracepointGroups().length]).toEqual([2323, 102]);
    expect(tracepointNames('sock')).toContain('sock:inet_sock_set_state');
    expect(tracepointNames('nonsense')).toEqual([]);
    const wrong = names.filter((name) => {
      const { fields } = tracepoint(name)!;
      return fields.some(({ offset }, i) => offset < (i === 0 ? 8 : fields[i - 1]!.offset + fields[i - 1]!.size));
    });
    expect(wrong).toEqual([]);
  });
});
