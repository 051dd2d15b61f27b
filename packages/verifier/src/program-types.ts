/** What BTF says about a program: its functions, and what it is for. */
import type { Env } from './env.ts';

/** Answers of BTF; {@link NO_TYPES} for programs without. */
export interface ProgramTypes {
  /** The loader gave `func_info`. */
  readonly hasFunctionInfo: boolean;
  /** Id of the attach target in the kernel's BTF; 0 for none. */
  readonly attachBtfId: number;
  /** Range that the attach target prescribes; `narrow` looks at the low 32 bits. */
  readonly returnRange: { readonly range: readonly [number, number]; readonly narrow: boolean } | undefined;
  /** Rows of func_info are what they should be (kernel: check_btf_func_early). Throws `Reject`. */
  checkFunctionRows(): void;
  /** func_info goes with the functions of the program (kernel: check_btf_func). Throws `Reject`. */
  checkFunctionInfo(env: Env): void;
  /** Insn of the function that makes the result after bpf_throw; 0 for none. Throws `Reject`. */
  exceptionCallback(): number;
  /** Whether a function takes a number and nothing else. */
  takesOneScalar(env: Env, subprog: number): boolean;
  /** The program goes with what it is for (kernel: check_attach_btf_id). Throws `Reject`. */
  checkAttach(env: Env): void;
  isGlobal(subprog: number): boolean;
  isStatic(subprog: number): boolean;
  functionName(subprog: number): string;
  /** The arguments of a call fit the types of the function (kernel: btf_check_subprog_call). Throws `Reject`. */
  checkArguments(env: Env, subprog: number): void;
  /** Registers of a function that is verified on its own (kernel: btf_prepare_func_args). Throws `Reject`. */
  prepareArguments(env: Env, subprog: number): void;
  /** Says when the arguments of the main function are none that BTF knows (kernel: do_check_common). */
  examineMain(env: Env): void;
  /** Registers of the main function when BTF says more than "context"; false when it does not. */
  prepareMain(env: Env): boolean;
  /** Returns that depend on the attach target; true when the return is settled. */
  checkSpecialReturn(env: Env, regno: number): boolean;
}
