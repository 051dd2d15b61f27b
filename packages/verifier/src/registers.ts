/** Whether registers may be read and written (kernel: check_reg_arg). */
import { type Env, reject } from './env.ts';
import { EACCES, EINVAL } from './reject.ts';
import { W_TYPE } from './register-record.ts';
import { markNotInit } from './bounds.ts';
import { NOT_INIT } from './register-types.ts';
import { FP, REGS, regAt } from './state.ts';

/** The register exists and has a value. */
export function checkReadable(env: Env, reg: number): void {
  if (reg >= REGS) reject(EINVAL, `R${reg} is invalid`);
  env.log?.touchRegister(reg);
  if (env.frame.w[regAt(reg) + W_TYPE] === NOT_INIT) reject(EACCES, `R${reg} !read_ok`);
}

/** The register exists and may be written. */
export function checkDestination(env: Env, reg: number): void {
  if (reg >= REGS) reject(EINVAL, `R${reg} is invalid`);
  env.log?.touchRegister(reg);
  if (reg === FP) reject(EACCES, 'frame pointer is read only');
}

/** r0 to r5 have no value after a call. */
export function clearCallerSaved(env: Env, w: Int32Array): void {
  env.log?.touchCallerSaved();
  for (let reg = 0; reg <= 5; reg++) markNotInit(w, regAt(reg), env.defaultPrecise);
}
