import { describe, expect, it } from 'vitest';
import type { LowerContext } from '../lower-context.ts';
import type { FunctionInfo } from '../target.ts';
import { enterFrame, frameAbove, leaveFrame, savedRegisters, type StackAccess, tailContextOffset } from './frames.ts';

const SP = 2;
const RA = 1;
const PLAIN = { hasCalls: false, hasTailCall: false, hasMayGoto: false, stackDepth: 0, usedCalleeSaved: [] };

function contextOf(facts: Partial<FunctionInfo>): LowerContext {
  const fn = { ...PLAIN, ...facts } as unknown as FunctionInfo;
  return { fn, frame: frameAbove(fn, SP, savedRegisters(fn, RA)) } as unknown as LowerContext;
}

/** What a function does to its stack, as text. */
function traffic(facts: Partial<FunctionInfo>): string[] {
  const cx = contextOf(facts);
  const log: string[] = [];
  const access: StackAccess = {
    adjust: (_, bytes) => void log.push(`sp ${bytes}`),
    store: (_, register, offset) => void log.push(`${offset} = r${register}`),
    load: (_, register, offset) => void log.push(`r${register} = ${offset}`),
    constant: (_, value) => {
      log.push(`r9 = ${value}`);
      return 9;
    },
  };
  enterFrame(cx, access);
  leaveFrame(cx, access);
  return log;
}

describe('frames above the stack pointer', () => {
  it('are none where there is nothing to keep', () => {
    expect(contextOf({}).frame).toMatchObject({ base: SP, bias: 0, size: 0, saved: [] });
    expect(traffic({})).toEqual([]);
  });

  it('begin with the return address of functions that call, and are multiples of 16 bytes', () => {
    expect(contextOf({ hasCalls: true, usedCalleeSaved: [8], stackDepth: 24 }).frame).toMatchObject({ size: 48, bias: 48, saved: [RA, 8] }); // prettier-ignore
    expect(traffic({ hasCalls: true, usedCalleeSaved: [8] })).toEqual(['sp -16', '0 = r1', '8 = r8', 'r1 = 0', 'r8 = 8', 'sp 16']); // prettier-ignore
    expect(contextOf({ hasTailCall: true }).frame.saved).toEqual([RA]);
  });

  it('keeps apart the counter of may_goto and the context of a tail call', () => {
    const cx = contextOf({ hasTailCall: true, hasMayGoto: true });
    expect([cx.frame.mayGotoOffset, tailContextOffset(cx), cx.frame.size]).toEqual([8, 16, 32]);
    expect(tailContextOffset(contextOf({ hasTailCall: true }))).toBe(8);
  });

  it('start the counter of may_goto', () => {
    expect(traffic({ hasMayGoto: true })).toEqual(['sp -16', 'r9 = 8388608', '0 = r9', 'sp 16']);
  });
});
