/**
 * The execution loop: one switch over micro-ops, registers as 32-bit halves in the same `Int32Array` as the code (see
 * `image.ts`). Rare work is out of line, so that V8 optimises this function. Numbers of the cases are positions in
 * `MICRO_OPS`; `dispatch.test.ts` checks them.
 *
 * `d`, `s` are word indices; `code[d]`, `code[d | 1]` the low and high half of dst. Operands are read before dst is
 * written, so dst may be src.
 */
import { badJump, callHelper, fallOffEnd, mayGoto } from './control.ts';
import { decodeSlot, insnIndex } from './image.ts';
import { divideSigned, divideUnsigned, moduloSigned, moduloUnsigned, multiply, swap32 } from './int64.ts';
import { enterFunction, leaveFunction, type Machine, STATUS_BREAKPOINT, STATUS_PAUSED } from './machine.ts';
import { atomic, slowLoad, slowStore } from './memory-ops.ts';
import { rare } from './rare-ops.ts';

/**
 * Runs from `cx.pc` until the fuel is used up, the outermost function of the call exits, or the image changes.
 *
 * @returns a `STATUS_*`
 * @throws BpfError `E_RUN_*`; `cx.pc` is then the slot at fault
 */
export function execute(cx: Machine): number {
  const { code, memory, little } = cx;
  const lowAt = little ? 0 : 4;
  const highAt = 4 - lowAt;
  let { views, readEnd, writeEnd } = memory;
  let pc = cx.pc | 0;
  let fuel = cx.fuel | 0;
  for (;;) {
    if (fuel === 0) {
      cx.pc = pc;
      cx.fuel = 0;
      return STATUS_PAUSED;
    }
    fuel = (fuel - 1) | 0;
    const d = code[pc | 1]!;
    const s = code[pc | 2]!;
    switch (code[pc]!) {
      case 0: // undecoded
        cx.pc = pc;
        cx.fuel = fuel;
        decodeSlot(cx.image, insnIndex(pc));
        fuel = (fuel + 1) | 0;
        continue;
      case 2: // bad_jump
        cx.pc = pc;
        cx.fuel = fuel + 1;
        throw badJump(cx);
      case 3: // end
        cx.pc = pc;
        cx.fuel = fuel + 1;
        throw fallOffEnd(cx);
      case 4: // breakpoint
        cx.pc = pc;
        cx.fuel = fuel + 1;
        return STATUS_BREAKPOINT;
      case 5: {
        // add64
        const a = code[d]!;
        const b = code[s]!;
        const sum = (a + b) | 0;
        const carry = ((a & b) | ((a | b) & ~sum)) >>> 31;
        code[d | 1] = code[d | 1]! + code[s | 1]! + carry;
        code[d] = sum;
        break;
      }
      case 6: {
        // sub64
        const a = code[d]!;
        const b = code[s]!;
        const difference = (a - b) | 0;
        const borrow = ((~a & b) | (~(a ^ b) & difference)) >>> 31;
        code[d | 1] = code[d | 1]! - code[s | 1]! - borrow;
        code[d] = difference;
        break;
      }
      case 7: // mul64
        multiply(code, d, s);
        break;
      case 8: {
        // or64
        const low = code[d]! | code[s]!;
        code[d | 1] = code[d | 1]! | code[s | 1]!;
        code[d] = low;
        break;
      }
      case 9: {
        // and64
        const low = code[d]! & code[s]!;
        code[d | 1] = code[d | 1]! & code[s | 1]!;
        code[d] = low;
        break;
      }
      case 10: {
        // xor64
        const low = code[d]! ^ code[s]!;
        code[d | 1] = code[d | 1]! ^ code[s | 1]!;
        code[d] = low;
        break;
      }
      case 11: {
        // lsh64
        const n = code[s]! & 63;
        const low = code[d]!;
        if (n < 32) {
          // Two shifts, because a shift by 32 - 0 would be a shift by 0.
          code[d | 1] = (code[d | 1]! << n) | ((low >>> 1) >>> (31 - n));
          code[d] = low << n;
        } else {
          code[d | 1] = low << (n - 32);
          code[d] = 0;
        }
        break;
      }
      case 12: {
        // rsh64
        const n = code[s]! & 63;
        const high = code[d | 1]!;
        if (n < 32) {
          code[d] = (code[d]! >>> n) | ((high << 1) << (31 - n));
          code[d | 1] = high >>> n;
        } else {
          code[d] = high >>> (n - 32);
          code[d | 1] = 0;
        }
        break;
      }
      case 13: {
        // arsh64
        const n = code[s]! & 63;
        const high = code[d | 1]!;
        if (n < 32) {
          code[d] = (code[d]! >>> n) | ((high << 1) << (31 - n));
          code[d | 1] = high >> n;
        } else {
          code[d] = high >> (n - 32);
          code[d | 1] = high >> 31;
        }
        break;
      }
      case 14: // mov64
        code[d | 1] = code[s | 1]!;
        code[d] = code[s]!;
        break;
      case 15: {
        // neg64
        const low = code[d]!;
        code[d | 1] = ~code[d | 1]! + (low === 0 ? 1 : 0);
        code[d] = -low;
        break;
      }
      case 16: // add32
        code[d] = code[d]! + code[s]!;
        code[d | 1] = 0;
        break;
      case 17: // sub32
        code[d] = code[d]! - code[s]!;
        code[d | 1] = 0;
        break;
      case 18: // mul32
        code[d] = Math.imul(code[d]!, code[s]!);
        code[d | 1] = 0;
        break;
      case 19: // or32
        code[d] = code[d]! | code[s]!;
        code[d | 1] = 0;
        break;
      case 20: // and32
        code[d] = code[d]! & code[s]!;
        code[d | 1] = 0;
        break;
      case 21: // xor32
        code[d] = code[d]! ^ code[s]!;
        code[d | 1] = 0;
        break;
      case 22: // lsh32
        code[d] = code[d]! << code[s]!;
        code[d | 1] = 0;
        break;
      case 23: // rsh32
        code[d] = code[d]! >>> code[s]!;
        code[d | 1] = 0;
        break;
      case 24: // arsh32
        code[d] = code[d]! >> code[s]!;
        code[d | 1] = 0;
        break;
      case 25: // mov32
        code[d] = code[s]!;
        code[d | 1] = 0;
        break;
      case 26: // neg32
        code[d] = -code[d]!;
        code[d | 1] = 0;
        break;
      case 27: {
        // movsx64_8
        const low = (code[s]! << 24) >> 24;
        code[d] = low;
        code[d | 1] = low >> 31;
        break;
      }
      case 28: {
        // movsx64_16
        const low = (code[s]! << 16) >> 16;
        code[d] = low;
        code[d | 1] = low >> 31;
        break;
      }
      case 29: {
        // movsx64_32
        const low = code[s]!;
        code[d] = low;
        code[d | 1] = low >> 31;
        break;
      }
      case 30: // movsx32_8
        code[d] = (code[s]! << 24) >> 24;
        code[d | 1] = 0;
        break;
      case 31: // movsx32_16
        code[d] = (code[s]! << 16) >> 16;
        code[d | 1] = 0;
        break;
      case 32: // div64
        divideUnsigned(code, d, s);
        break;
      case 33: // mod64
        moduloUnsigned(code, d, s);
        break;
      case 34: // sdiv64
        divideSigned(code, d, s);
        break;
      case 35: // smod64
        moduloSigned(code, d, s);
        break;
      case 36: {
        // div32
        const b = code[s]! >>> 0;
        code[d] = b === 0 ? 0 : ((code[d]! >>> 0) / b) >>> 0;
        code[d | 1] = 0;
        break;
      }
      case 37: {
        // mod32
        const b = code[s]! >>> 0;
        if (b !== 0) code[d] = (code[d]! >>> 0) % b;
        code[d | 1] = 0;
        break;
      }
      case 38: {
        // sdiv32
        const b = code[s]!;
        code[d] = b === 0 ? 0 : (code[d]! / b) | 0;
        code[d | 1] = 0;
        break;
      }
      case 39: {
        // smod32
        const b = code[s]!;
        if (b !== 0) code[d] = (code[d]! % b) | 0;
        code[d | 1] = 0;
        break;
      }
      case 40: // truncate16
        code[d] = code[d]! & 0xffff;
        code[d | 1] = 0;
        break;
      case 41: // truncate32
        code[d | 1] = 0;
        break;
      case 42: // truncate64
        break;
      case 43: {
        // swap16
        const low = code[d]!;
        code[d] = ((low & 0xff) << 8) | ((low >>> 8) & 0xff);
        code[d | 1] = 0;
        break;
      }
      case 44: // swap32
        code[d] = swap32(code[d]!);
        code[d | 1] = 0;
        break;
      case 45: {
        // swap64
        const low = code[d]!;
        code[d] = swap32(code[d | 1]!);
        code[d | 1] = swap32(low);
        break;
      }
      case 46: // jeq64
        pc = code[d]! === code[s]! && code[d | 1]! === code[s | 1]! ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 47: // jne64
        pc = code[d]! !== code[s]! || code[d | 1]! !== code[s | 1]! ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 48: {
        // jgt64
        const a = code[d | 1]!;
        const b = code[s | 1]!;
        pc = (a === b ? code[d]! >>> 0 > code[s]! >>> 0 : a >>> 0 > b >>> 0) ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      }
      case 49: {
        // jge64
        const a = code[d | 1]!;
        const b = code[s | 1]!;
        pc = (a === b ? code[d]! >>> 0 >= code[s]! >>> 0 : a >>> 0 > b >>> 0) ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      }
      case 50: {
        // jlt64
        const a = code[d | 1]!;
        const b = code[s | 1]!;
        pc = (a === b ? code[d]! >>> 0 < code[s]! >>> 0 : a >>> 0 < b >>> 0) ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      }
      case 51: {
        // jle64
        const a = code[d | 1]!;
        const b = code[s | 1]!;
        pc = (a === b ? code[d]! >>> 0 <= code[s]! >>> 0 : a >>> 0 < b >>> 0) ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      }
      case 52: // jset64
        pc = ((code[d]! & code[s]!) | (code[d | 1]! & code[s | 1]!)) !== 0 ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 53: {
        // jsgt64
        const a = code[d | 1]!;
        const b = code[s | 1]!;
        pc = (a === b ? code[d]! >>> 0 > code[s]! >>> 0 : a > b) ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      }
      case 54: {
        // jsge64
        const a = code[d | 1]!;
        const b = code[s | 1]!;
        pc = (a === b ? code[d]! >>> 0 >= code[s]! >>> 0 : a > b) ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      }
      case 55: {
        // jslt64
        const a = code[d | 1]!;
        const b = code[s | 1]!;
        pc = (a === b ? code[d]! >>> 0 < code[s]! >>> 0 : a < b) ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      }
      case 56: {
        // jsle64
        const a = code[d | 1]!;
        const b = code[s | 1]!;
        pc = (a === b ? code[d]! >>> 0 <= code[s]! >>> 0 : a < b) ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      }
      case 57: // jeq32
        pc = code[d]! === code[s]! ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 58: // jne32
        pc = code[d]! !== code[s]! ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 59: // jgt32
        pc = code[d]! >>> 0 > code[s]! >>> 0 ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 60: // jge32
        pc = code[d]! >>> 0 >= code[s]! >>> 0 ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 61: // jlt32
        pc = code[d]! >>> 0 < code[s]! >>> 0 ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 62: // jle32
        pc = code[d]! >>> 0 <= code[s]! >>> 0 ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 63: // jset32
        pc = (code[d]! & code[s]!) !== 0 ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 64: // jsgt32
        pc = code[d]! > code[s]! ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 65: // jsge32
        pc = code[d]! >= code[s]! ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 66: // jslt32
        pc = code[d]! < code[s]! ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 67: // jsle32
        pc = code[d]! <= code[s]! ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 68: // ja
        pc = code[pc | 3]!;
        continue;
      case 69: // imm64
        code[d] = code[pc | 4]!;
        code[d | 1] = code[pc | 5]!;
        pc = (pc + 16) | 0;
        continue;
      case 70: {
        // load8
        const base = code[s]!;
        const region = code[s | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < readEnd.length && at <= readEnd[region]! - 1) {
          code[d] = views[region]!.getUint8(at);
          code[d | 1] = 0;
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowLoad(cx, 1, false);
        }
        break;
      }
      case 71: {
        // load16
        const base = code[s]!;
        const region = code[s | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < readEnd.length && at <= readEnd[region]! - 2) {
          code[d] = views[region]!.getUint16(at, little);
          code[d | 1] = 0;
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowLoad(cx, 2, false);
        }
        break;
      }
      case 72: {
        // load32
        const base = code[s]!;
        const region = code[s | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < readEnd.length && at <= readEnd[region]! - 4) {
          code[d] = views[region]!.getInt32(at, little);
          code[d | 1] = 0;
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowLoad(cx, 4, false);
        }
        break;
      }
      case 73: {
        // load64
        const base = code[s]!;
        const region = code[s | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < readEnd.length && at <= readEnd[region]! - 8) {
          const view = views[region]!;
          code[d] = view.getInt32(at + lowAt, little);
          code[d | 1] = view.getInt32(at + highAt, little);
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowLoad(cx, 8, false);
        }
        break;
      }
      case 74: {
        // load_signed8
        const base = code[s]!;
        const region = code[s | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < readEnd.length && at <= readEnd[region]! - 1) {
          const low = views[region]!.getInt8(at);
          code[d] = low;
          code[d | 1] = low >> 31;
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowLoad(cx, 1, true);
        }
        break;
      }
      case 75: {
        // load_signed16
        const base = code[s]!;
        const region = code[s | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < readEnd.length && at <= readEnd[region]! - 2) {
          const low = views[region]!.getInt16(at, little);
          code[d] = low;
          code[d | 1] = low >> 31;
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowLoad(cx, 2, true);
        }
        break;
      }
      case 76: {
        // load_signed32
        const base = code[s]!;
        const region = code[s | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < readEnd.length && at <= readEnd[region]! - 4) {
          const low = views[region]!.getInt32(at, little);
          code[d] = low;
          code[d | 1] = low >> 31;
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowLoad(cx, 4, true);
        }
        break;
      }
      case 77: {
        // store8
        const base = code[d]!;
        const region = code[d | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < writeEnd.length && at <= writeEnd[region]! - 1) {
          views[region]!.setInt8(at, code[s]!);
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowStore(cx, 1);
        }
        break;
      }
      case 78: {
        // store16
        const base = code[d]!;
        const region = code[d | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < writeEnd.length && at <= writeEnd[region]! - 2) {
          views[region]!.setInt16(at, code[s]!, little);
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowStore(cx, 2);
        }
        break;
      }
      case 79: {
        // store32
        const base = code[d]!;
        const region = code[d | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < writeEnd.length && at <= writeEnd[region]! - 4) {
          views[region]!.setInt32(at, code[s]!, little);
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowStore(cx, 4);
        }
        break;
      }
      case 80: {
        // store64
        const base = code[d]!;
        const region = code[d | 1]!;
        const at = (base + code[pc | 3]!) | 0;
        // base and at are both below 2**31: the sum did not wrap, and the compare cannot underflow.
        if ((base | at) >= 0 && region >>> 0 < writeEnd.length && at <= writeEnd[region]! - 8) {
          const view = views[region]!;
          view.setInt32(at + lowAt, code[s]!, little);
          view.setInt32(at + highAt, code[s | 1]!, little);
        } else {
          cx.pc = pc;
          cx.fuel = fuel;
          slowStore(cx, 8);
        }
        break;
      }
      case 81: // call_local
        cx.pc = pc;
        cx.fuel = fuel;
        pc = enterFunction(cx, pc + 8, code[pc | 3]!) | 0;
        ({ views, readEnd, writeEnd } = memory);
        continue;
      case 82: // exit
        cx.fuel = fuel;
        cx.pc = pc;
        pc = leaveFunction(cx) | 0;
        if (pc < 0) return pc;
        continue;
      case 83: // call_helper
        cx.pc = pc;
        cx.fuel = fuel;
        pc = callHelper(cx) | 0;
        fuel = cx.fuel | 0;
        if (pc < 0) return pc;
        ({ views, readEnd, writeEnd } = memory);
        continue;
      case 84: // atomic
        cx.pc = pc;
        cx.fuel = fuel;
        atomic(cx);
        break;
      case 85: // may_goto
        pc = mayGoto(cx) ? code[pc | 3]! : (pc + 8) | 0;
        continue;
      case 86: // rare
        cx.pc = pc;
        cx.fuel = fuel;
        pc = rare(cx) | 0;
        fuel = cx.fuel | 0;
        if (pc < 0) return pc;
        ({ views, readEnd, writeEnd } = memory);
        continue;
      default:
        throw new Error(`BUG: micro-op ${code[pc]}`);
    }
    pc = (pc + 8) | 0;
  }
}
