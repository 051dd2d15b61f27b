/** Error numbers that helpers return negated; Linux's numbers of every architecture but alpha, mips, parisc and sparc. */
export const EPERM = 1;
export const ENOENT = 2;
export const E2BIG = 7;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EBUSY = 16;
export const EINVAL = 22;
export const ENOSPC = 28;
export const ERANGE = 34;
export const EDEADLK = 35;
export const EOPNOTSUPP = 95;
export const EALREADY = 114;
/** Of the kernel only, not of user space. */
export const ENOTSUPP = 524;
