import { compile, formatListing } from '@polybpf/jit';
import { x86_64 } from '@polybpf/jit-x86_64';
import { assemble } from '@polybpf/asm';
const text = `
      r1 = 4
      r2 = callback ll
      r3 = r10
      r3 += -8
      *(u64 *)(r10 - 8) = 0
      call 181
      r1 = *(u64 *)(r10 - 8)
      r0 *= 1000
      r0 += r1
      exit
      callback:
      r6 = r2
      r7 = *(u64 *)(r6 + 0)
      r7 += r1
      *(u64 *)(r6 + 0) = r7
      call 5
      exit`;
const p = assemble(text);
console.log(p.subprograms, p.relocations, p.insns.map(i=>JSON.stringify(i)).join('\n'));
console.log(formatListing(compile(p, x86_64, {helperCalls:{kind:'table',address:0x10110000n,count:512}})));
