/** Helpers that ask about the current task, its cgroup, its namespaces: `kernel/bpf/helpers.c`. All of it is from the event. */
import { BpfError } from '@polybpf/errors';
import { EINVAL, ENOENT, EOPNOTSUPP } from './errno.ts';
import { currentRun, type HelperTable, type World } from './world.ts';
import { encodeText } from './text.ts';

function fact(world: World, name: string): bigint | undefined {
  return currentRun(world).facts[name];
}

/** A fact that only the event can know. */
function needFact(world: World, name: string): bigint {
  const value = fact(world, name);
  if (value !== undefined) return value;
  throw new BpfError('E_UNSUPPORTED', `${name} is not part of the event`);
}

/** Cgroup of the task at a level of the tree, the root being 0. */
function ancestor({ task }: World, level: number): bigint | number {
  return level < 0 ? 0 : ([...task.cgroupAncestors, task.cgroupId][level] ?? 0);
}

export const TASK_HELPERS: HelperTable = {
  bpf_get_current_pid_tgid: (_cx, { task }) => (BigInt(task.tgid) << 32n) | BigInt(task.pid),
  bpf_get_current_uid_gid: (_cx, { task }) => (BigInt(task.gid) << 32n) | BigInt(task.uid),
  /** buf, size: at least one zero at the end (`strscpy_pad`). */
  bpf_get_current_comm(cx, { task }) {
    const size = cx.arg32(2);
    const target = cx.memory.view(cx.arg(1), size, 'helper_write').fill(0);
    target.set(encodeText(task.comm).subarray(0, Math.min(15, Math.max(0, size - 1))));
    return 0;
  },
  bpf_get_current_task: (_cx, { task }) => task.address,
  bpf_get_current_task_btf: (_cx, { task }) => task.address,
  bpf_get_current_cgroup_id: (_cx, { task }) => task.cgroupId,
  bpf_get_current_ancestor_cgroup_id(cx, world) {
    return ancestor(world, cx.arg32(1) | 0);
  },
  /** dev, inode, result, size: pid and tgid in a namespace. */
  bpf_get_ns_current_pid_tgid(cx, world) {
    const target = cx.arg32(4) === 8 ? cx.memory.view(cx.arg(3), 8, 'helper_write').fill(0) : undefined;
    if (target === undefined) {
      cx.memory.view(cx.arg(3), cx.arg32(4), 'helper_write').fill(0);
      return -EINVAL;
    }
    const inode = fact(world, 'pidNamespaceInode');
    if (inode !== undefined && inode !== cx.arg(2)) return -EINVAL;
    if (inode === undefined) return -ENOENT;
    cx.memory.write(cx.arg(3), 4, BigInt(world.task.pid));
    cx.memory.write(cx.arg(3) + 4n, 4, BigInt(world.task.tgid));
    return 0;
  },
  bpf_get_socket_cookie: (_cx, world) => fact(world, 'socketCookie') ?? 0n,
  bpf_get_socket_uid: (_cx, world) => fact(world, 'socketUid') ?? 65534n,
  bpf_get_netns_cookie: (_cx, world) => fact(world, 'netnsCookie') ?? 1n,
  bpf_get_cgroup_classid: (_cx, world) => fact(world, 'cgroupClassid') ?? 0n,
  bpf_skb_cgroup_classid: (_cx, world) => fact(world, 'cgroupClassid') ?? 0n,
  bpf_skb_cgroup_id: (_cx, world) => fact(world, 'skbCgroupId') ?? 0n,
  bpf_skb_ancestor_cgroup_id: (cx, world) => ancestor(world, cx.arg32(2) | 0),
  bpf_sk_ancestor_cgroup_id: (cx, world) => ancestor(world, cx.arg32(2) | 0),
  bpf_sk_cgroup_id: (_cx, world) => fact(world, 'socketCgroupId') ?? 0n,
  bpf_get_route_realm: (_cx, world) => fact(world, 'routeRealm') ?? 0n,
  bpf_get_attach_cookie: (_cx, world) => fact(world, 'attachCookie') ?? 0n,
  bpf_get_func_ip: (_cx, world) => currentRun(world).functionAddress,
  /** n, result. */
  bpf_get_func_arg(cx, world) {
    const args = currentRun(world).functionArgs;
    const n = cx.arg32(2);
    if (n >= args.length) return -EINVAL;
    cx.memory.write(cx.arg(3), 8, args[n]!);
    return 0;
  },
  bpf_get_func_arg_cnt: (_cx, world) => currentRun(world).functionArgs.length,
  bpf_get_func_ret(cx, world) {
    const { functionResult } = currentRun(world);
    if (functionResult === undefined) return -EOPNOTSUPP;
    cx.memory.write(cx.arg(2), 8, functionResult);
    return 0;
  },
  bpf_get_retval: (_cx, world) => fact(world, 'retval') ?? 0n,
  bpf_set_retval(cx, world) {
    currentRun(world).effects.push({ name: 'retval', value: BigInt(cx.arg32(1) | 0) });
    return 0;
  },
  bpf_send_signal(cx, world) {
    currentRun(world).effects.push({ name: 'signal', value: BigInt(cx.arg32(1)) });
    return 0;
  },
  bpf_send_signal_thread(cx, world) {
    currentRun(world).effects.push({ name: 'signal_thread', value: BigInt(cx.arg32(1)) });
    return 0;
  },
  bpf_override_return(cx, world) {
    currentRun(world).effects.push({ name: 'override_return', value: cx.arg(2) });
    return 0;
  },
  bpf_current_task_under_cgroup: (_cx, world) => needFact(world, 'underCgroup'),
  /** buf, len, flags of the sampled CPU counter: only the event knows. */
  bpf_perf_event_read: (_cx, world) => needFact(world, 'perfCounter'),
  bpf_perf_event_read_value(cx, world) {
    const size = cx.arg32(4);
    const target = cx.memory.view(cx.arg(3), size, 'helper_write').fill(0);
    const counter = fact(world, 'perfCounter');
    if (size !== 24) return -EINVAL;
    if (counter === undefined) return -ENOENT;
    cx.memory.write(cx.arg(3), 8, counter);
    cx.memory.write(cx.arg(3) + 8n, 8, fact(world, 'perfEnabled') ?? counter);
    cx.memory.write(cx.arg(3) + 16n, 8, fact(world, 'perfRunning') ?? counter);
    return target.length === 24 ? 0 : -EINVAL;
  },
  bpf_perf_prog_read_value(cx, world) {
    const size = cx.arg32(3);
    cx.memory.view(cx.arg(2), size, 'helper_write').fill(0);
    if (size !== 24) return -EINVAL;
    cx.memory.write(cx.arg(2), 8, needFact(world, 'perfCounter'));
    cx.memory.write(cx.arg(2) + 8n, 8, fact(world, 'perfEnabled') ?? 0n);
    cx.memory.write(cx.arg(2) + 16n, 8, fact(world, 'perfRunning') ?? 0n);
    return 0;
  },
};
