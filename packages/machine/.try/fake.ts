import { encodeLayout, CodeBuffer, type Target } from '@polybpf/jit';
import { INSTRUCTIONS } from '../../jit-x86_64/src/instructions.ts';
import * as xe from '../../jit-x86_64/src/encoder.ts';
import { A64 } from '../../jit-arm64/src/instructions.ts';
import { FORMS } from '../../jit-s390x/src/instructions.ts';
import { BRANCHES } from '../../jit-s390x/src/branches.ts';
export const x86 = { name:'x86_64', endian:'little', forms:Object.values(INSTRUCTIONS), sizeOf: xe.sizeOf, encode: xe.encode, elf:{machine:62,flags:0}, relocations:{} } as unknown as Target;
export const arm = { name:'arm64', endian:'little', forms:Object.values(A64), sizeOf: (n:any)=>n.form.layout.size, encode:(n:any,d:number,o:CodeBuffer)=>encodeLayout(n.form,n,d,o,false), elf:{machine:183,flags:0}, relocations:{} } as unknown as Target;
export const s390 = { name:'s390x', endian:'big', forms:[...Object.values(FORMS),...Object.values(BRANCHES)], sizeOf: (n:any)=>n.form.layout.size, encode:(n:any,d:number,o:CodeBuffer)=>encodeLayout(n.form,n,d,o,true), elf:{machine:22,flags:0}, relocations:{} } as unknown as Target;
