/**
 * Counts the instructions that QEMU executes: a plugin of its TCG (docs/devel/tcg-plugins.rst) adds the length of every
 * translated block that runs to a word of a file, which can be read at any time. It is compiled here, for it needs no
 * more than six declarations, and QEMU's header is in no package of Debian.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BpfError } from '@polybpf/errors';

/** Counts for every QEMU of this process that is started while it is open. */
export interface QemuCounter extends Disposable {
  /** Instructions executed so far, of all of them together. */
  read(): number;
}

/** API version 1, as QEMU 4.2 to 8.x take it (include/qemu/qemu-plugin.h). */
const PLUGIN = `
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
struct qemu_plugin_tb;
typedef void (*tb_callback)(uint64_t id, struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_callback callback);
unsigned long qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *word, uint64_t added);
int qemu_plugin_version = 1;
static uint64_t *counter;
static void translated(uint64_t id, struct qemu_plugin_tb *tb) {
  qemu_plugin_register_vcpu_tb_exec_inline(tb, 0, counter, qemu_plugin_tb_n_insns(tb));
}
int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
  int fd = argc == 1 && !strncmp(argv[0], "out=", 4) ? open(argv[0] + 4, O_RDWR) : -1;
  counter = fd < 0 ? MAP_FAILED : mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (counter == MAP_FAILED) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return 0;
}
`;

/**
 * Compiles the plugin and names it to QEMU by its environment variable.
 *
 * @throws BpfError `E_UNSUPPORTED` without gcc
 */
export function openQemuCounter(): QemuCounter {
  const folder = mkdtempSync(join(tmpdir(), 'polybpf-count-'));
  const [source, plugin, counter] = ['count.c', 'count.so', 'counter'].map((name) => join(folder, name));
  const before = process.env['QEMU_PLUGIN'];
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    writeFileSync(source!, PLUGIN);
    execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', plugin!, source!], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (cause) {
    clean();
    throw new BpfError('E_UNSUPPORTED', 'counting what QEMU executes: gcc cannot compile the plugin', { cause });
  }
  writeFileSync(counter!, new Uint8Array(4096));
  process.env['QEMU_PLUGIN'] = `file=${plugin},out=${counter}`;
  const fd = openSync(counter!, 'r');
  return {
    read() {
      const word = new Uint8Array(8);
      readSync(fd, word, 0, 8, 0);
      return Number(new DataView(word.buffer).getBigUint64(0, true));
    },
    [Symbol.dispose]() {
      closeSync(fd);
      if (before === undefined) delete process.env['QEMU_PLUGIN'];
      else process.env['QEMU_PLUGIN'] = before;
      clean();
    },
  };
}
