import { describe, expect, it } from 'vitest';
import { verify, type VerifyReport } from '../src/index.ts';
import { KERNEL } from './kernel-types.ts';
import { EXIT, program, type Row } from './program.ts';

const toldBy = ({ errno, message }: VerifyReport): readonly [number, string] => [errno, message];

describe('members of a struct of functions', () => {
  const member = (attachType: number, rows: readonly Row[], flags = 0): VerifyReport =>
    verify(
      { insns: program(...rows), type: 'struct_ops', attachType, attachBtfName: 'bpf_dummy_ops', flags },
      { kernelBtf: KERNEL },
    );
  const LOAD: Row = [0x79, 1, 1, 0];
  const ZERO: Row = [0xb7, 0];

  it.each<readonly [name: string, attachType: number, rows: readonly Row[], errno: number, message: string]>([
    ['nothing', 0, [ZERO, EXIT], 0, ''],
    ['an argument that may be null', 0, [LOAD, [0x61, 0, 1], EXIT], 13, "R1 invalid mem access 'trusted_ptr_or_null_'"],
    ['an argument that is tested', 0, [LOAD, ZERO, [0x15, 1, 0, 2], [0x61, 0, 1], [0x62, 1, 0, 0, 7], EXIT], 0, ''],
    ['a store behind the state', 0, [LOAD, ZERO, [0x15, 1, 0, 1], [0x62, 1, 0, 4, 7], EXIT], 13, 'write access at off 4 with size 4'], // prettier-ignore
    ['an argument that is not there', 0, [[0x79, 1, 1, 8], ZERO, EXIT], 13, 'invalid bpf_context access off=8 size=8'],
    ['a store to the context', 0, [[0x7a, 1], ZERO, EXIT], 13, 'invalid bpf_context access off=0 size=8'],
    ['no result', 1, [EXIT], 0, ''],
    ['no value', 0, [EXIT], 13, 'R0 !read_ok'],
    ['a member that is no function', 2, [ZERO, EXIT], 22, 'attach to invalid member owner(@idx 2) of struct bpf_dummy_ops'], // prettier-ignore
    ['no member', 3, [ZERO, EXIT], 22, 'attach to invalid member idx 3 of struct bpf_dummy_ops'],
  ])('%s', (_name, attachType, rows, errno, message) => {
    expect(toldBy(member(attachType, rows))).toStrictEqual([errno, message]);
  });

  it('may sleep only where the struct says so', () => {
    const refused = [22, 'attach to unsupported member test_1 of struct bpf_dummy_ops'];
    expect(toldBy(member(0, [ZERO, EXIT], 16))).toStrictEqual(refused);
    expect(toldBy(member(1, [ZERO, EXIT], 16))).toStrictEqual([0, '']);
  });

  it('are named by number or name', () => {
    const named = (attachType: string): VerifyReport =>
      verify(
        { insns: program(EXIT), type: 'struct_ops', attachType, attachBtfName: 'bpf_dummy_ops' },
        { kernelBtf: KERNEL },
      );
    expect(toldBy(named('member test_sleepable'))).toStrictEqual([0, '']);
    expect(toldBy(named('member test_1'))).toStrictEqual([13, 'R0 !read_ok']);
    expect(toldBy(named('member none'))).toStrictEqual([22, 'attach to invalid member idx 3 of struct bpf_dummy_ops']);
  });

  it('must have a license of the GPL', () => {
    const report = verify(
      { insns: program(ZERO, EXIT), type: 'struct_ops', attachType: 0, attachBtfName: 'bpf_dummy_ops', license: 'MIT' },
      { kernelBtf: KERNEL },
    );
    expect(toldBy(report)).toStrictEqual([22, 'struct ops programs must have a GPL compatible license']);
  });
});

describe('hooks of LSM in a cgroup', () => {
  const VOID = "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!";
  it.each([
    ['socket_bind', 0, ''],
    ['socket_bind', 1, ''],
    ['socket_bind', 2, 'At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]'],
    ['sk_free_security', 0, VOID],
    ['sk_free_security', 1, ''],
  ])('%s returns %i', (attachBtfName, value, message) => {
    const insns = program([0xb7, 0, 0, 0, value], EXIT);
    const report = verify({ insns, type: 'lsm', attachType: 'BPF_LSM_CGROUP', attachBtfName }, { kernelBtf: KERNEL });
    expect(report.message).toBe(message);
  });
});
