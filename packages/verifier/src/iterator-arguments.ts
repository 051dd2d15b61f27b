/** Types of the arguments of iterator programs after the first (kernel 6.18: ctx_arg_info of each bpf_iter_reg). */
import { MEM_RDONLY, PTR_MAYBE_NULL, PTR_TO_BTF_ID, PTR_TO_BUF, PTR_TRUSTED } from './register-types.ts';

const OBJECT: number = PTR_TO_BTF_ID | PTR_MAYBE_NULL;
const TRUSTED: number = OBJECT | PTR_TRUSTED;
const BUFFER: number = PTR_TO_BUF | PTR_MAYBE_NULL;
const CONSTANT: number = BUFFER | MEM_RDONLY;

/** By name of the iterator; undefined for arguments that are as BTF says. */
export const ITERATOR_ARGUMENTS: Readonly<Record<string, readonly (number | undefined)[]>> = {
  task: [TRUSTED],
  task_file: [OBJECT, undefined, OBJECT],
  task_vma: [OBJECT, OBJECT],
  bpf_map: [TRUSTED],
  bpf_prog: [OBJECT],
  bpf_link: [OBJECT],
  bpf_map_elem: [undefined, CONSTANT, BUFFER],
  cgroup: [TRUSTED],
  netlink: [OBJECT],
  tcp: [TRUSTED],
  udp: [TRUSTED],
  unix: [OBJECT],
  ksym: [OBJECT],
  kmem_cache: [TRUSTED],
  dmabuf: [OBJECT],
  bpf_sk_storage_map: [undefined, OBJECT, BUFFER],
  sockmap: [undefined, CONSTANT, OBJECT],
  ipv6_route: [OBJECT],
};
