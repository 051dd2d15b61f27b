/** How a verification ends early: by throwing one of these two, which are not errors. */

export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EEXIST = 17;
export const EINVAL = 22;
export const EPROTO = 71;
export const EOPNOTSUPP = 95;
export const ENOTSUPP = 524;

/** The program is refused. */
export class Reject {
  readonly errno: number;
  /** What the kernel prints, without the last newline; may have several lines. '' when it says nothing. */
  readonly text: string;

  constructor(errno: number, text: string) {
    this.errno = errno;
    this.text = text;
  }
}

/** The program needs something that this verifier does not know yet: no verdict. */
export class NotModelled {
  /** E.g. `kfunc bpf_obj_new_impl`. */
  readonly feature: string;

  constructor(feature: string) {
    this.feature = feature;
  }
}

/** Runs a check whose refusal is only noted: its errno, or 0. */
export function refusalOf(check: () => void, note: (text: string) => void): number {
  try {
    check();
    return 0;
  } catch (reason) {
    if (!(reason instanceof Reject)) throw reason;
    note(reason.text);
    return reason.errno;
  }
}

/** {@link refusalOf}: true when it passed. */
export function passes(check: () => void, note: (text: string) => void): boolean {
  return refusalOf(check, note) === 0;
}
