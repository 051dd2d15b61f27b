import { describe, expect, test } from 'vitest';
import { summariseLog } from './verifier-log.ts';

const END = 'processed 7 insns (limit 1000000) max_states_per_insn 1 total_states 3 peak_states 2 mark_read 1\n';

describe('summariseLog', () => {
  test('reads the figures of level 4', () => {
    const log = `verification time 26 usec\nstack depth 16+8+0\n${END}`;
    expect(summariseLog(log)).toEqual({
      message: '',
      stats: {
        insnsProcessed: 7,
        insnLimit: 1000000,
        maxStatesPerInsn: 1,
        totalStates: 3,
        peakStates: 2,
        markRead: 1,
        verificationTimeUs: 26,
        stackDepth: [16, 8, 0],
      },
    });
  });

  test('the reason is the last line that is neither trace nor figure', () => {
    const log = `0: R1=ctx() R10=fp0\n0: (62) *(u32 *)(r1 +4) = 7\ninvalid bpf_context access off=4 size=4\n${END}`;
    expect(summariseLog(log).message).toBe('invalid bpf_context access off=4 size=4');
  });

  test('goes back over the states that an endless loop prints', () => {
    const log = `5: (05) goto pc-1\ninfinite loop detected at insn 5\ncur state: R0=0 R10=fp0\nold state: R0=0 R10=fp0\n${END}`;
    expect(summariseLog(log).message).toBe('infinite loop detected at insn 5');
  });

  test('an accepted program has no reason', () => {
    const log = `0: R1=ctx() R10=fp0\n0: (b7) r0 = 42                       ; R0=42\n1: (95) exit\n${END}`;
    expect(summariseLog(log).message).toBe('');
    expect(summariseLog(`from 3 to 9: R0=1 R10=fp0\n9: (95) exit\n${END}`).message).toBe('');
  });

  test('without figures the program never reached the verifier', () => {
    expect(summariseLog('')).toEqual({ message: '' });
    expect(summariseLog('unknown opcode 8d\n')).toEqual({ message: 'unknown opcode 8d' });
  });

  test('kernels without mark_read count 0', () => {
    const log = 'processed 7 insns (limit 4096) max_states_per_insn 1 total_states 3 peak_states 2\n';
    expect(summariseLog(log).stats).toMatchObject({ markRead: 0, insnLimit: 4096 });
  });
});
