/** Error numbers that map operations give, as negative numbers (include/uapi/asm-generic/errno.h, include/linux/errno.h). */
export const ERRNO = {
  EPERM: -1,
  ENOENT: -2,
  E2BIG: -7,
  EBADF: -9,
  EAGAIN: -11,
  ENOMEM: -12,
  EACCES: -13,
  EFAULT: -14,
  EBUSY: -16,
  EEXIST: -17,
  ENODEV: -19,
  EINVAL: -22,
  ENOSPC: -28,
  ERANGE: -34,
  EDEADLK: -35,
  ENODATA: -61,
  EOVERFLOW: -75,
  ENOTSOCK: -88,
  EOPNOTSUPP: -95,
  /** The kernel's own number, which bpf(2) lets out. */
  ENOTSUPP: -524,
} as const;

/** Name of an errno, given as a negative or positive number: `EINVAL`; `errno N` for one that maps never give. */
export function errnoText(errno: number): string {
  const negative = -Math.abs(errno);
  return Object.entries(ERRNO).find(([, number]) => number === negative)?.[0] ?? `errno ${-negative}`;
}
