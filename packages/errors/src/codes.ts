/**
 * Every error code of the project, one line each. A code is never renamed and never reused; the prefix names the
 * layer that throws it. `docs/ERRORS.md` is generated from this list.
 */
export const ERROR_CODES = {
  E_DECODE_LENGTH: 'program bytes are not a whole number of 8-byte instruction slots, or there are none',
  E_DECODE_OPCODE: 'no instruction has this opcode with these field values',
  E_DECODE_RESERVED: 'a field that the instruction reserves is not zero',
  E_DECODE_REGISTER: 'a register number is out of range for this operand',
  E_DECODE_TRUNCATED: 'a two-slot instruction has no second slot, or its second slot is malformed',
  E_DECODE_JUMP: 'a jump or local call leaves the program or lands inside a two-slot instruction',
  E_ENCODE_FIELD: 'a field value does not fit its bits',

  E_ASM_SYNTAX: 'the assembly text does not parse',
  E_ASM_OPERAND: 'an operand has the wrong kind or is out of range',
  E_ASM_LABEL: 'a label is undefined, defined twice or out of range',
  E_ASM_DIRECTIVE: 'a directive is unknown or malformed',

  E_ELF_FORMAT: 'the file is not an ELF file, or its headers are inconsistent',
  E_ELF_TRUNCATED: 'an ELF structure reaches past the end of the file',
  E_ELF_MACHINE: 'the ELF file is for another machine',
  E_ELF_WRITE: 'the described object cannot be written as ELF',

  E_BTF_FORMAT: 'the BTF data is malformed',
  E_BTF_TYPE: 'a BTF type id is missing or has the wrong kind',

  E_LOAD_SECTION: 'a section of the object cannot be loaded',
  E_LOAD_MAP: 'a map definition cannot be understood',
  E_LOAD_RELOCATION: 'a relocation cannot be applied',
  E_LOAD_LINK: 'objects cannot be linked into one',
  E_LOAD_PROGRAM: 'the object has no such program, or the program is malformed',

  E_RUN_MEMORY: 'the program accessed memory outside every region, or without permission',
  E_RUN_ALIGN: 'the program made a misaligned atomic access',
  E_RUN_OPCODE: 'the program reached an instruction that cannot be executed',
  E_RUN_JUMP: 'the program left its instructions',
  E_RUN_BUDGET: 'the instruction budget is used up',
  E_RUN_CALL_DEPTH: 'local calls are nested too deep',
  E_RUN_HELPER: 'the program called a helper that is not registered, or the helper failed',
  E_RUN_SYMBOL: 'the program uses a map, variable or function that is not bound to anything',

  E_JIT_BRANCH_RANGE: 'a branch cannot reach its target',
  E_JIT_OPERAND: 'an operand does not fit its field in the machine instruction',
  E_JIT_PROGRAM: 'the program cannot be compiled',
  E_JIT_LINK: 'a relocation of compiled code cannot be resolved',
  E_TARGET_UNKNOWN: 'there is no target of this name',

  E_MACHINE_CRASH: 'the native program crashed',
  E_MACHINE_TIMEOUT: 'the native program did not end in time',
  E_MACHINE_MISSING: 'a tool needed to run code of this CPU is missing',
  E_MACHINE_PROTOCOL: 'the native runner broke its protocol',
  E_MACHINE_LIMIT: 'code or data does not fit the memory of the native runner',

  E_KERNEL_CALL: 'a bpf(2) call failed; the message names the command and the errno',
  E_KERNEL_REFUSED: 'the kernel refused a program or BTF; the message is that of its verifier',

  E_VECTOR_FORMAT: 'a test-vector file does not follow its schema',
  E_INPUT: 'an input file or argument is missing, unreadable or of an unknown kind',
  E_USAGE: 'the command line is wrong',
  E_UNSUPPORTED: 'this is not supported; the message names the feature',
} as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;
